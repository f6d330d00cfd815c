"""Database addresses: read, checked, and shown without their secrets."""

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from storage.errors import DatabaseNotReady, DatabaseUnavailable


def parse(url: str) -> URL:
    """The address, with the driver we install where it names none.

    Raises:
        DatabaseUnavailable: it is not an SQLAlchemy URL, or names SQLite in memory. The text never repeats the URL,
            which may hold a password.
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseUnavailable(
            "DATABASE__URL is not a database address: write one such as sqlite:///confess.db "
            "or postgresql://user:password@host/name."
        ) from None
    if address.drivername in {"postgres", "postgresql"}:
        address = address.set(drivername="postgresql+psycopg")
    if address.get_backend_name() == "sqlite" and (
        address.database in {None, "", ":memory:"} or str(address.database).startswith("file:")
    ):
        raise DatabaseUnavailable(
            "An SQLite database in memory is empty in every other thread: name a file, such as sqlite:///confess.db."
        )
    return address


def shown(address: URL) -> str:
    """The address for people: a file's path, or server and name; no user's password, no query."""
    if address.get_backend_name() == "sqlite":
        return str(address.database)
    return address.set(query={}, password=None).render_as_string()


def file_of(address: URL) -> Path | None:
    """The file of an SQLite database; ``None`` for a server."""
    return Path(str(address.database)) if address.get_backend_name() == "sqlite" else None


def must_exist(address: URL) -> None:
    """SQLite would make an empty file where there is none; opening must not.

    Raises:
        DatabaseNotReady: the file is not there.
    """
    path = file_of(address)
    if path is not None and not path.exists():
        raise DatabaseNotReady(f"There is no database at {path} yet: run 'confess db upgrade'.")


def make_file(address: URL) -> None:
    """The folder of an SQLite database and its file, which only its owner may read: it names people.

    Raises:
        DatabaseUnavailable: it cannot be made.
    """
    path = file_of(address)
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        raise DatabaseUnavailable(
            f"The database {path} cannot be made ({error.strerror}): name another place in DATABASE__URL."
        ) from None
