"""What every command on the record needs: the record itself, who sits at the terminal, and the time."""

import getpass
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for a command's help nothing heavy is loaded
    from bot.settings import Settings
    from storage.db import Database


def open_record(settings: "Settings | None" = None) -> "AbstractContextManager[Database]":
    """The database of the settings (this folder's, when none are given), closed at the end of the block.

    Raises:
        SettingsError, DatabaseError: it cannot be opened; the text says what to do.
    """
    from bot.settings import load_settings
    from bot.wiring import open_database

    return open_database(settings or load_settings())


def terminal_user() -> str:
    """Who decides here, as the record will say it: ``terminal:anne``."""
    try:
        return f"terminal:{getpass.getuser()}"
    except (OSError, KeyError):  # a container's user without a name
        return "terminal:unknown"


def clock() -> datetime:
    """Now. The commands' own; everything below is told the time."""
    return datetime.now(UTC)
