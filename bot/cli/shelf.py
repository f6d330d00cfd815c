"""``confess shelf``: what is ready, how old it is, and how often it was enough."""

from typing import Annotated

import typer


def shelf(
    days: Annotated[int, typer.Option(min=1, help="Count wishes of this many days.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table, one object a line.")] = False,
) -> None:
    """Posts that are ready for whoever asks next: how many, how old, and how often the shelf was enough."""
    import json
    from datetime import timedelta

    from bot.cli.console import console, errors
    from bot.cli.record import clock, open_record
    from bot.settings import load_settings
    from bot.shelf import Shelved, shelved
    from bot.wiring import rules_in_force

    settings, now = load_settings(), clock()
    with open_record(settings) as database, database.reading() as session:
        rows = shelved(session, policy=rules_in_force(settings), now=now, since=now - timedelta(days=days))
    if as_json:
        for row in rows:
            console.out(json.dumps(row.to_json(now)), highlight=False)
        return
    if not rows:
        errors.print("The shelf is empty, and nobody has asked; 'confess run' fills it.")
        return
    from rich import box
    from rich.table import Table

    def age(row: Shelved) -> str:
        if row.oldest is None or row.newest is None:
            return ""
        young, old = ((now - when) // timedelta(hours=1) for when in (row.newest, row.oldest))
        return f"{young} to {old} h" if young < old else f"{old} h"

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in (
        "platform",
        "adapter",
        "ready",
        "judged by other rules",
        "age",
        "taken",
        "written on the spot",
        "hit rate",
    ):
        left = name in ("platform", "adapter")
        table.add_column(name, justify="left" if left else "right", overflow="fold")
    for row in rows:
        rate = "" if row.hit_rate is None else f"{row.hit_rate:.0%}"
        table.add_row(
            row.platform,
            row.adapter,
            str(row.ready),
            str(row.outdated),
            age(row),
            str(row.taken),
            str(row.written),
            rate,
        )
    console.print(table)
