"""``confess db``: make the database ready, and look at it."""

import typer

app = typer.Typer(help="Create or upgrade the database, and see how it stands.", no_args_is_help=True)


@app.command()
def upgrade() -> None:
    """Create the tables, or bring those of an earlier version up to date. Safe to run at any time."""
    from bot.cli.console import console
    from bot.settings import load_settings
    from storage.db import Database

    applied = Database.upgrade(load_settings().database.url.get_secret_value())
    if applied:
        console.print(f"The database is ready (applied {', '.join(applied)}).")
    else:
        console.print("The database is up to date; nothing to do.")


@app.command()
def status() -> None:
    """Say where the database is, which version it has, and how many posts stand in each state."""
    from rich.table import Table

    from bot.cli.console import console, plain
    from bot.cli.record import open_record
    from storage import posts, schema

    with open_record() as database:
        with database.reading() as session:
            counts = posts.counts(session)
        console.print(plain(f"{database.name}, version {schema.revisions()[-1]}, {sum(counts.values())} posts."))
    table = Table.grid(padding=(0, 2))
    for state, count in counts.items():
        if count:
            table.add_row(str(count), state)
    console.print(table)
