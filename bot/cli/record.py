"""Opening the record for a command, and saying who sits at the terminal."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for a command's help nothing heavy is loaded
    from bot.settings import Settings
    from storage.db import Database


@contextmanager
def open_record(settings: "Settings | None" = None) -> "Iterator[Database]":
    """The database of the settings (of this folder's, when none are given), closed at the end.

    Raises:
        SettingsError, DatabaseError: it cannot be opened; the text says what to do.
    """
    from bot.settings import load_settings
    from storage.db import Database

    url = (settings or load_settings()).database.url
    database = Database.open(url.get_secret_value())
    try:
        yield database
    finally:
        database.close()


def terminal_user() -> str:
    """Who decides here, as the record will say it: ``terminal:anne``."""
    try:
        return f"terminal:{getpass.getuser()}"
    except (OSError, KeyError):  # a container's user without a name
        return "terminal:unknown"


def ago(moment: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that fits: ``3 min``."""
    seconds = max(0, int((now - moment).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def clock() -> datetime:
    """Now. The commands' own; everything below is told the time."""
    return datetime.now(UTC)
