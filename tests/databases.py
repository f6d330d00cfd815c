"""Real databases for tests: a migrated SQLite file, and a PostgreSQL server that the tests start and remove.

The server is a throw-away cluster on a Unix socket, made from the installed binaries. PostgreSQL refuses to run as
root, so that as root it runs as ``postgres`` or ``nobody``.
"""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from storage.db import Database
from storage.posts import Draft

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def a_draft(text: str = "I still sleep with the light on.", **changes: Any) -> Draft:
    """A draft judged *allow* for the console; name what shall differ."""
    known: dict[str, Any] = {
        "text": text,
        "platform": "console",
        "seed": 7,
        "adapter": "fess",
        "adapter_hash": "a" * 64,
        "base": "nib",
        "base_hash": "b" * 64,
        "engine": "ctranslate2",
        "engine_version": "4.8.5",
        "tokens": 9,
        "logprob": -21.5,
        "decision": "allow",
        "policy": "p1",
        "verdict": {"decision": "allow", "findings": []},
        "sampling": {"temperature": 0.9},
    }
    return Draft(**known | changes)


def postgres_binaries() -> Path | None:
    """The folder of the newest installed PostgreSQL server; ``None`` when there is none."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if folders:
        return max(folders, key=lambda folder: float(folder.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class PostgresServer:
    """A running throw-away cluster."""

    def __init__(self, binaries: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="confess-pg-"))  # short: a socket's path has 107 characters
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            account = _unprivileged()
            os.chown(self._folder, account.pw_uid, account.pw_gid)
            self._as = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        self._names = itertools.count()
        data = self._folder / "data"
        self._run([binaries / "initdb", "-D", data, "-U", "confess", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"])
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._folder),
            "fsync": "off",  # it is thrown away
            "max_connections": "60",
            "shared_buffers": "16MB",
        }
        with (self._folder / "log").open("wb") as log:
            self._server = subprocess.Popen(
                [binaries / "postgres", "-D", data, *(f"--{name}={value}" for name, value in options.items())],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                **self._as,
            )
        self._await()

    def create(self) -> str:
        """A new, empty database; its URL."""
        name = f"confess{next(self._names)}"
        self._execute(self.url("postgres"), f"CREATE DATABASE {name}")
        return self.url(name)

    def empty(self, url: str) -> None:
        """Throw away every row, which the record's own triggers forbid to everybody else."""
        self._execute(url, "SET session_replication_role = replica; TRUNCATE events, posts RESTART IDENTITY")

    def _execute(self, url: str, statements: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statements.encode())

    def url(self, name: str) -> str:
        """The URL of one of the databases."""
        return f"postgresql://confess@/{name}?host={self._folder}"

    def stop(self) -> None:
        """Stop the server and remove every trace of it."""
        self._server.send_signal(signal.SIGQUIT)  # at once; there is nothing to save
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._server.wait(5)
        self._server.kill()
        self._server.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, command: list[Any]) -> None:
        done = subprocess.run(command, capture_output=True, text=True, cwd=self._folder, check=False, **self._as)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()}")

    def _await(self) -> None:
        for _ in range(600):
            with contextlib.suppress(psycopg.OperationalError):
                return self._execute(self.url("postgres"), "SELECT 1")
            if self._server.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"PostgreSQL did not start: {(self._folder / 'log').read_text()}")


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as.")


@contextlib.contextmanager
def opened(url: str) -> Iterator[Database]:
    """A database that is closed at the end, so that PostgreSQL lets its connections go."""
    database = Database.open(url)
    try:
        yield database
    finally:
        database.close()
