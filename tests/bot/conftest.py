"""What tests of the bot share."""

import pytest

from storage.db import Database


@pytest.fixture
def database(sqlite_db: Database) -> Database:
    """A fresh record, on SQLite."""
    return sqlite_db
