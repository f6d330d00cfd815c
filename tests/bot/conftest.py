"""What tests of the bot share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from moderation.filters.wordlist import WordlistFilter
from moderation.gate import Gate
from moderation.policy import Policy
from storage.db import Database
from tests.bot.rows import Clock
from tests.bot.site import Site


@pytest.fixture
def database(sqlite_db: Database) -> Database:
    """A fresh record, on SQLite."""
    return sqlite_db


@pytest.fixture
def clock() -> Clock:
    """A clock that stands at the start until it is turned."""
    return Clock()


@pytest.fixture
def gate(sqlite_db: Database) -> Gate:
    """A gate that judges by the word list alone."""
    return Gate([WordlistFilter.load(Path(sqlite_db.name).parent / "words.toml")], Policy.default())


@pytest.fixture
def site(sqlite_db: Database, gate: Gate) -> Iterator[Site]:
    """The review page, on an empty record and an empty list."""
    site = Site(sqlite_db, gate)
    yield site
    site.close()
