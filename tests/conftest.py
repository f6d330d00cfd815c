"""What every test may ask for: a database with the tables of this version, once on SQLite and once on PostgreSQL."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from generation.adapter import Adapter
from storage.db import Database
from tests.databases import PostgresServer, opened, postgres_binaries
from tests.voices import make_adapter


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for the whole run, gone at its end."""
    binaries = postgres_binaries()
    if binaries is None:
        sentence = "PostgreSQL's server is not installed: on Debian or Ubuntu, apt-get install postgresql."
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    server = PostgresServer(binaries)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_migrated(postgres: PostgresServer) -> str:
    """The URL of a migrated PostgreSQL database, which each test finds empty."""
    url = postgres.create()
    Database.upgrade(url)
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "confess.db"
    Database.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated, empty SQLite database of the test's own."""
    path = tmp_path / "confess.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database of the test's own; the test runs once on each kind."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    server: PostgresServer = request.getfixturevalue("postgres")
    migrated = str(request.getfixturevalue("postgres_migrated"))
    server.empty(migrated)
    return migrated


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    """That database, open."""
    with opened(url) as database:
        yield database


@pytest.fixture
def sqlite_db(sqlite_url: str) -> Iterator[Database]:
    """An open SQLite database, for tests whose subject is not the database."""
    with opened(sqlite_url) as database:
        yield database


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    """A small real adapter; do not write to its folder."""
    return make_adapter(tmp_path_factory.mktemp("adapters") / "test")
