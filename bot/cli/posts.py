"""``confess posts``: the record."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storage.lifecycle import State

if TYPE_CHECKING:
    from storage.models import Record

app = typer.Typer(help="The record: every text ever generated, and what became of it.", invoke_without_command=True)

AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table, one object a line.")]


@app.callback()
def posts(
    context: typer.Context,
    state: Annotated[list[State] | None, typer.Option(help="Only these states (may be given several times).")] = None,
    platform: Annotated[str | None, typer.Option(help="Only posts for this platform.")] = None,
    adapter: Annotated[str | None, typer.Option(help="Only this adapter's: name, or start of its fingerprint.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, newest first.")] = 20,
    before: Annotated[int | None, typer.Option(help="Only posts with a smaller number: the next page.")] = None,
    as_json: AsJson = False,
) -> None:
    """List posts, newest first. 'confess posts show ID' tells everything about one."""
    if context.invoked_subcommand is not None:
        return
    from bot.cli.console import console, errors
    from bot.cli.record import clock, open_record
    from storage import posts as record

    with open_record() as database, database.reading() as session:
        found = record.find(session, states=state, platform=platform, adapter=adapter, limit=limit, before_id=before)
    if as_json:
        for post in found:
            console.out(json.dumps(_plain(post)), highlight=False)
        return
    if not found:
        errors.print("No such posts. 'confess say' writes one.")
        return
    from bot.cli.cards import posts_table

    console.print(posts_table(found, clock()))
    if len(found) == limit:
        errors.print(f"Older ones: --before {found[-1].id}, or a larger --limit.", style="dim")


@app.command()
def show(
    post_id: Annotated[int, typer.Argument(metavar="ID", help="The post's number.")],
    as_json: AsJson = False,
) -> None:
    """Everything about one post: how it was made, what the gate said, who decided, where it stands."""
    from bot.cli.console import console
    from bot.cli.record import open_record
    from storage import posts as record

    with open_record() as database, database.reading() as session:
        post, told = record.get(session, post_id), record.events(session, post_id)
    if as_json:
        console.out(json.dumps(_plain(post) | {"events": [_plain(event) for event in told]}), highlight=False)
        return
    from bot.cli.cards import record_card

    console.print(record_card(post, told))


def _plain(row: "Record") -> dict[str, Any]:
    """A row as JSON values, in the order of its columns."""
    values = row.model_dump(mode="json")
    return {name: values[name] for name in type(row).model_fields}
