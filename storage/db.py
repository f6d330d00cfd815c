"""Opening a database, and one transaction at a time on it."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, OperationalError
from sqlmodel import Session

from storage import guard, schema, urls
from storage.columns import dumps
from storage.errors import DatabaseBusy, DatabaseError, DatabaseUnavailable

#: How long one writer waits for another before it gives up, in seconds.
PATIENCE = 30.0


class Database:
    """A database with the tables of this version. Safe to share between threads.

    SQLite runs in WAL: readers never wait; writers queue, at first on a lock in this process and then on
    SQLite's own. ``synchronous=FULL``, because a commit lost in a power cut could send a post twice.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self.name = name  # the address as people may see it, without its password
        self.engine = engine
        self._reading = engine.execution_options(reading=True)
        # SQLite's waiting is a sleep that grows to 100 ms; a lock hands over at once.
        self._writer: threading.Lock | None = threading.Lock() if engine.dialect.name == "sqlite" else None

    @classmethod
    def open(cls, url: str) -> Self:
        """Open a database that ``upgrade`` has made ready.

        Raises:
            DatabaseUnavailable: it cannot be reached, or the address makes no sense.
            DatabaseNotReady: it has no tables yet, or an earlier version's.
            DatabaseTooNew: a later version of the program wrote it.
        """
        address = urls.parse(url)
        urls.must_exist(address)
        database = cls(_engine(address), urls.shown(address))
        try:
            with database._translated(), database.engine.connect() as connection:
                schema.check(connection, database.name)
        except DatabaseError:
            database.close()
            raise
        return database

    @classmethod
    def upgrade(cls, url: str) -> list[str]:
        """Create the tables, or bring an earlier version's up to date, in one transaction.

        Returns:
            The revisions that were applied; an empty list when there was nothing to do.

        Raises:
            DatabaseUnavailable: it cannot be reached or created.
            DatabaseTooNew: a later version of the program wrote it.
        """
        address = urls.parse(url)
        urls.make_file(address)
        database = cls(_engine(address), urls.shown(address))
        try:
            with database._translated(), database.engine.begin() as connection:
                return schema.upgrade(connection, database.name)
        finally:
            database.close()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction that may write: committed at the end, rolled back when anything is raised.

        Never hold it across an ``await`` or a question to a person. Sessions do not nest in one thread.

        Raises:
            DatabaseBusy: another writer did not finish in time.
            DatabaseUnavailable: the database went away.
        """
        with self._turn(), self._translated(), self._begun(self.engine) as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One transaction that only reads, and so waits for nobody on SQLite."""
        with self._translated(), self._begun(self._reading) as session:
            yield session

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @contextmanager
    def _begun(self, engine: Engine) -> Iterator[Session]:
        # Rows outlive their session: the bot hands them on.
        with guard.RecordSession(engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self._writer is None:
            yield
            return
        if not self._writer.acquire(timeout=PATIENCE):
            raise DatabaseBusy(f"The database {self.name} was busy for {PATIENCE:.0f} seconds: try again.")
        try:
            yield
        finally:
            self._writer.release()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            told = _explain(error, self.name)
            if told is None:
                raise
            raise told from None  # the driver's text may name the server's user; ours says enough


def _engine(address: URL) -> Engine:
    options: dict[str, Any] = {"json_serializer": dumps, "hide_parameters": True}
    sqlite = address.get_backend_name() == "sqlite"
    if sqlite:
        options["connect_args"] = {"timeout": PATIENCE, "check_same_thread": False}
    else:
        options["pool_pre_ping"] = True
    try:
        engine = create_engine(address, **options)
    except (NoSuchModuleError, ModuleNotFoundError):
        raise DatabaseUnavailable(
            f"No driver for {address.drivername} databases is installed: for PostgreSQL, "
            "pip install 'confessional[postgres]'."
        ) from None
    if sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    # The driver must not begin transactions by itself: it begins them late and without the write lock.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE takes the write lock first, so that two writers queue; a lock asked for later fails at once.
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _explain(error: DBAPIError, name: str) -> DatabaseError | None:
    """The driver's error as one of ours; ``None`` when it is no matter of the database's being there."""
    said = str(error.orig).strip().splitlines()
    detail = said[0] if said else type(error.orig).__name__
    if isinstance(error.orig, sqlite3.Error):
        if "locked" in detail or "busy" in detail:
            return DatabaseBusy(f"The database {name} is held by another program: try again, or stop that program.")
        if "not a database" in detail or "malformed" in detail:
            return DatabaseUnavailable(f"{name} is damaged or not an SQLite database: restore it or name another file.")
        if isinstance(error.orig, sqlite3.OperationalError):
            return DatabaseUnavailable(f"The database {name} cannot be used ({detail}): check the folder and its disk.")
        return None
    if error.connection_invalidated or isinstance(error, OperationalError):
        reason = detail.rsplit("failed: ", 1)[-1]  # psycopg: "connection to server at …, port … failed: FATAL: …"
        return DatabaseUnavailable(
            f"The database {name} cannot be used ({reason}): check that its server runs, and DATABASE__URL."
        )
    return None
