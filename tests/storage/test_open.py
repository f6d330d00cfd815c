"""Opening, creating and upgrading a database, and every way in which that fails."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from storage import schema, urls
from storage.db import Database
from storage.errors import DatabaseBusy, DatabaseNotReady, DatabaseTooNew, DatabaseUnavailable
from storage.models import Record
from tests.databases import PostgresServer, opened

SECRET = "hunter2"

UPGRADER = """
import sys
import alembic.command  # before the race, or it is over who imports faster
from storage.db import Database
print("ready", flush=True)
sys.stdin.readline()
Database.upgrade(sys.argv[1])
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without any table (SQLite: not even a file or its folder)."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new/folder/confess.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create()


def execute(url: str, statement: str) -> None:
    engine = create_engine(urls.parse(url))
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_an_empty_database_is_not_ready_and_opening_creates_nothing(empty_url: str, tmp_path: Path) -> None:
    with pytest.raises(DatabaseNotReady, match="confess db upgrade"):
        Database.open(empty_url)
    assert not list(tmp_path.iterdir())


def test_upgrade_creates_everything_once(empty_url: str) -> None:
    assert Database.upgrade(empty_url) == schema.revisions()
    assert Database.upgrade(empty_url) == []
    with opened(empty_url) as database, database.reading() as session:
        assert session.connection().execute(text("SELECT count(*) FROM posts")).scalar_one() == 0


def test_the_migrations_make_exactly_the_models(url: str) -> None:
    with opened(url) as database, database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Record.metadata) == []


def test_an_older_database_asks_for_an_upgrade(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "revisions", lambda: ["0001", "0002"])
    with pytest.raises(DatabaseNotReady, match=r"at version 0001, this program needs 0002: run 'confess db upgrade'"):
        Database.open(url)


def test_a_newer_database_is_refused_and_left_alone(empty_url: str) -> None:
    Database.upgrade(empty_url)
    execute(empty_url, "UPDATE alembic_version SET version_num = '9999'")
    for use in (Database.open, Database.upgrade):
        with pytest.raises(DatabaseTooNew, match=r"version 9999.*update Confessional"):
            use(empty_url)


def test_a_failed_upgrade_leaves_nothing_half_made(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic.operations import Operations

    real = Operations.create_index

    def breaks(self: Operations, name: str, *rest: object, **more: object) -> None:
        if name == "ix_events_post_id":
            raise RuntimeError("the lights went out")
        real(self, name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Operations, "create_index", breaks)
    with pytest.raises(RuntimeError, match="lights"):
        Database.upgrade(empty_url)
    monkeypatch.undo()
    assert Database.upgrade(empty_url) == schema.revisions()


def test_two_upgrades_at_once_make_one_database(empty_url: str) -> None:
    pipes: dict[str, Any] = dict.fromkeys(["stdin", "stdout", "stderr"], subprocess.PIPE) | {"text": True}
    running: list[Any] = [subprocess.Popen([sys.executable, "-c", UPGRADER, empty_url], **pipes) for _ in range(3)]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    failures = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], failures
    with opened(empty_url):
        pass


@pytest.mark.parametrize(
    "bad",
    [
        f"postgresql://anne:{SECRET}@127.0.0.1:1/confess",
        f"postgresql://anne@127.0.0.1:1/confess?password={SECRET}",
        f"postgres://anne:{SECRET}@127.0.0.1:1/confess",
        f"mysql+nothing://anne:{SECRET}@127.0.0.1/confess",
        f"anne:{SECRET}",
        f"postgresql://anne:{SECRET}@127.0.0.1:port/confess",
        "sqlite://",
        "sqlite:///:memory:",
        "",
    ],
)
def test_an_unusable_address_is_one_sentence_without_its_password(bad: str) -> None:
    for use in (Database.open, Database.upgrade):
        with pytest.raises(DatabaseUnavailable) as caught:
            use(bad)
        sentence = str(caught.value)
        assert SECRET not in sentence
        assert sentence.endswith(".")
        assert "\n" not in sentence
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_wrong_password_or_database_says_which(postgres: PostgresServer) -> None:
    with pytest.raises(DatabaseUnavailable, match='database "nowhere" does not exist'):
        Database.open(postgres.url("nowhere"))


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("dear diary " * 1000)
    with pytest.raises(DatabaseUnavailable, match="not an SQLite database"):
        Database.open(f"sqlite:///{path}")
    assert path.read_text() == "dear diary " * 1000


def test_strangers_cannot_read_the_record(tmp_path: Path) -> None:
    Database.upgrade(f"sqlite:///{tmp_path}/confess.db")
    with opened(f"sqlite:///{tmp_path}/confess.db") as database, database.session() as session:
        session.connection()
        files = [path for path in tmp_path.iterdir() if path.name.startswith("confess.db")]
        assert {path.name: path.stat().st_mode & 0o077 for path in files} == dict.fromkeys(
            ["confess.db", "confess.db-shm", "confess.db-wal"], 0
        )


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseUnavailable, match="cannot be made"):
        Database.upgrade(f"sqlite:///{tmp_path}/file/sub/confess.db")


def test_a_database_that_another_program_keeps_locked_is_busy(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.db.PATIENCE", 0.1)
    with opened(sqlite_url) as database:
        other = create_engine(sqlite_url).connect()
        other.exec_driver_sql("BEGIN EXCLUSIVE")
        with pytest.raises(DatabaseBusy, match="another program"), database.session() as session:
            session.connection()
        other.close()


def test_a_forgotten_session_makes_others_busy_instead_of_stuck(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.db.PATIENCE", 0.1)
    with opened(sqlite_url) as database, database.session(), pytest.raises(DatabaseBusy, match="busy for"):
        database.session().__enter__()


def test_sqlite_keeps_every_commit_and_lets_readers_by(sqlite_url: str) -> None:
    with opened(sqlite_url) as database, database.session() as session:
        pragma = {name: session.connection().exec_driver_sql(f"PRAGMA {name}").scalar() for name in (
            "journal_mode", "synchronous", "foreign_keys"
        )}  # fmt: skip
        assert pragma == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
        with database.reading() as reader:  # a second connection, while the first holds the write lock
            assert reader.connection().exec_driver_sql("SELECT count(*) FROM posts").scalar() == 0


def test_opening_loads_no_alembic() -> None:
    program = "import sys, storage.db, storage.posts; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
