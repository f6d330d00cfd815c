"""Which version a database has, and bringing it to ours. Alembic is loaded only to upgrade: it costs a start 0.3 s."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from storage.errors import DatabaseNotReady, DatabaseTooNew

MIGRATIONS = Path(__file__).parent / "migrations"

#: Any number will do, as long as every upgrade of every Confessional asks PostgreSQL for the same lock.
_UPGRADE_LOCK = 0x436F6E66


def revisions() -> list[str]:
    """The revisions this program knows, oldest first: the numbers that begin the files' names."""
    return sorted(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def current(connection: Connection) -> str | None:
    """The revision of a database; ``None`` when it has none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def check(connection: Connection, name: str) -> None:
    """Whether a database has the tables of this program.

    Raises:
        DatabaseNotReady: none, or an earlier version's.
        DatabaseTooNew: a later version's.
    """
    version = current(connection)
    _refuse_newer(version, name)
    if version is None:
        raise DatabaseNotReady(f"The database {name} has no tables yet: run 'confess db upgrade'.")
    if version != revisions()[-1]:
        raise DatabaseNotReady(
            f"The database {name} is at version {version}, this program needs {revisions()[-1]}: "
            "run 'confess db upgrade'."
        )


def upgrade(connection: Connection, name: str) -> list[str]:
    """Apply what is missing, inside the caller's transaction; the revisions applied.

    Raises:
        DatabaseTooNew: a later version of the program wrote the database.
    """
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":  # two upgrades at once queue; SQLite's transaction does that itself
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
    version = current(connection)
    _refuse_newer(version, name)
    missing = [revision for revision in revisions() if version is None or revision > version]
    if missing:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return missing


def _refuse_newer(version: str | None, name: str) -> None:
    if version is not None and version not in revisions():
        raise DatabaseTooNew(
            f"The database {name} is at version {version}, which this program does not know (it knows up to "
            f"{revisions()[-1]}): update Confessional, or name another database in DATABASE__URL."
        )
