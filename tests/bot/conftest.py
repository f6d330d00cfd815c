"""What tests of the bot share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.db import Database
from tests.bot.rows import new_database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A fresh SQLite database."""
    opened = new_database(tmp_path)
    yield opened
    opened.close()
