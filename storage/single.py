"""One runner on one database: the second copy of ``confess run`` is told so and stops."""

import hashlib
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sqlalchemy import text

from storage.db import Database
from storage.errors import AlreadyRunning


@contextmanager
def only_runner(database: Database, who: str) -> Iterator[None]:
    """Hold the right to be the only ``who`` on a database while the block runs.

    SQLite: a lock of the operating system on ``<file>.lock``; PostgreSQL: an advisory lock of the server, on a
    connection of its own. Both go when the process dies, however it dies. Other databases have no such lock.

    Raises:
        AlreadyRunning: another process (or another block in this one) holds it.
    """
    dialect = database.engine.dialect.name
    if dialect == "sqlite":
        with _file_lock(Path(database.name).resolve(), who):
            yield
    elif dialect == "postgresql":
        with _advisory_lock(database, who):
            yield
    else:
        yield


@contextmanager
def _file_lock(path: Path, who: str) -> Iterator[None]:
    lock = path.with_name(f"{path.name}.lock")
    with lock.open("a+", encoding="utf-8") as file:
        if not _try_lock(file):
            file.seek(0)
            raise AlreadyRunning(_sentence(who, str(path), file.read().strip()))
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _try_lock(file: IO[str]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(1 << 20)  # Windows keeps others from reading the locked byte: take one far behind the text
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _advisory_lock(database: Database, who: str) -> Iterator[None]:
    digest = hashlib.sha256(f"confessional {who}".encode()).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar_one():
            raise AlreadyRunning(_sentence(who, database.name, ""))
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})


def _sentence(who: str, name: str, holder: str) -> str:
    by = f" ({holder})" if holder else ""
    return f"Another {who}{by} already works on {name}: stop it first, or give this one its own DATABASE__URL."
