"""What tests of the bot share."""

import pytest

from storage.db import Database
from tests.bot.rows import Clock


@pytest.fixture
def database(sqlite_db: Database) -> Database:
    """A fresh record, on SQLite."""
    return sqlite_db


@pytest.fixture
def clock() -> Clock:
    """A clock that stands at the start until it is turned."""
    return Clock()
