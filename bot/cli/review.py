"""``confess review``: decide on held posts, one by one at the keyboard or by number."""

import sys
from typing import Annotated

import typer

app = typer.Typer(
    help="Decide on held posts: one after another with a key each, or by number.", invoke_without_command=True
)

Ids = Annotated[list[int], typer.Argument(metavar="ID...", help="The posts' numbers.")]
Id = Annotated[int, typer.Argument(metavar="ID", help="The post's number.")]
Platform = Annotated[str | None, typer.Option(help="Only posts for this platform.")]


@app.callback()
def review(context: typer.Context, platform: Platform = None) -> None:
    """Look through the held posts at a terminal; elsewhere, list them."""
    if context.invoked_subcommand is not None:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        list_held(platform)
        return
    from bot.cli.desk import sit_down
    from bot.cli.record import open_record, terminal_user
    from bot.settings import load_settings

    settings = load_settings()
    with open_record(settings) as database:
        sit_down(database, settings, who=terminal_user(), platform=platform)


@app.command("list")
def list_held(platform: Platform = None, limit: Annotated[int, typer.Option(min=1)] = 100) -> None:
    """List the held posts, longest waiting first."""
    from bot.cli.cards import posts_table
    from bot.cli.console import console, errors
    from bot.cli.record import clock, open_record
    from moderation.review import queue

    with open_record() as database:
        waiting = queue(database, platform=platform, limit=limit)
    if not waiting:
        errors.print("Nothing waits for you.")
        return
    console.print(posts_table(waiting, clock()))
    errors.print("confess review approve ID…   reject ID… --reason WHY   edit ID   show ID", style="dim", markup=False)


@app.command()
def show(post_id: Id) -> None:
    """One held post, with what the gate found in it. Takes no hold of it."""
    from bot.cli.cards import review_card
    from bot.cli.console import console
    from bot.cli.record import clock, open_record
    from storage import posts

    with open_record() as database, database.reading() as session:
        post, because = posts.get(session, post_id), posts.held_because(session, post_id)
    console.print(review_card(post, clock(), because))


@app.command()
def approve(ids: Ids, reason: Annotated[str, typer.Option(help="Why, for the record.")] = "") -> None:
    """Let held posts out. 'confess run' publishes them."""
    _each(ids, "approved", reason)


@app.command()
def reject(ids: Ids, reason: Annotated[str, typer.Option(help="Why; the gate is tuned by it.")]) -> None:
    """Keep held posts in for good."""
    _each(ids, "rejected", reason)


@app.command()
def edit(
    post_id: Id,
    text: Annotated[str | None, typer.Option(help="The new text; without it your $EDITOR opens.")] = None,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
) -> None:
    """Change a held post's text. The gate judges it again; it stays held until somebody approves it."""
    from bot.cli.console import console, plain
    from bot.cli.desk import ask_editor, judge
    from bot.cli.record import clock, open_record, terminal_user
    from bot.settings import load_settings
    from moderation import review as decisions

    settings, who = load_settings(), terminal_user()
    with open_record(settings) as database:
        post = decisions.look(database, post_id=post_id, who=who, now=clock())
        try:
            new = ask_editor(post.text) if text is None else text
            if new == post.text:
                console.print("Nothing changed.")
                return
            verdict = judge(settings, post, new)
            decisions.edit(
                database, post_id=post_id, text=new, verdict=verdict, who=who, why=reason, now=clock(),
                version=post.version,
            )  # fmt: skip
        finally:
            decisions.leave(database, post_id=post_id, who=who)
    console.print(f"Post {post_id} is changed and judged {verdict.decision}; approve it to let it out.")
    for sentence in verdict.reasons:
        console.print(plain(f"• {sentence}", "dim"))


def _each(ids: list[int], outcome: str, reason: str) -> None:
    """Decide on each post on its own; one that fails is told and does not stop the rest."""
    from bot.cli.console import console, errors, plain
    from bot.cli.record import clock, open_record, terminal_user
    from moderation.errors import ReviewError
    from moderation.review import approve, reject

    decide = approve if outcome == "approved" else reject
    failed = False
    with open_record() as database:
        for post_id in ids:
            try:
                decide(database, post_id=post_id, who=terminal_user(), why=reason, now=clock())
            except ReviewError as error:
                errors.print(plain(str(error), "red"))
                failed = True
            else:
                console.print(f"Post {post_id} is {outcome}.")
    if failed:
        raise typer.Exit(1)
