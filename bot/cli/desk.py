"""The reviewer's desk: one held post after another, a key for each decision."""

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import typer
from rich.markup import escape

from bot.cli.cards import review_card
from bot.cli.console import console, plain
from bot.cli.explain import FAILURE
from bot.cli.gate_room import newest_adapter
from bot.cli.record import clock
from bot.settings import Settings
from bot.wiring import open_gate
from moderation import review
from moderation.context import Context
from moderation.errors import EditRefused, ReviewError
from moderation.verdict import Verdict
from storage import posts
from storage.db import Database
from storage.lifecycle import State
from storage.models import Post

KEYS = "\\[a]pprove   \\[r]eject   \\[e]dit   \\[s]kip   \\[q]uit"


def sit_down(database: Database, settings: Settings, *, who: str, platform: str | None = None) -> None:
    """Show held posts until none is left or the reviewer goes; a post that was not decided on is given back."""
    last = decided = 0
    while (post := review.look_next(database, who=who, now=clock(), after=last, platform=platform)) is not None:
        last = post.number
        try:
            outcome = _decide(database, settings, post, who)
        except ReviewError as error:  # somebody else was faster
            console.print(plain(str(error), "red"))
            continue
        except (KeyboardInterrupt, EOFError):
            outcome = "quit"
        finally:
            review.leave(database, post_id=post.number, who=who)
        if outcome == "quit":
            break
        decided += outcome == "decided"
    with database.reading() as session:
        waiting = posts.counts(session, states=[State.HELD], platform=platform)[State.HELD]
    console.print(f"Decided on {decided}; {waiting or 'nothing'} still waiting.")


def ask_editor(text: str) -> str:
    """The text as the person leaves it in their editor (``$VISUAL``, ``$EDITOR``, or one that is there).

    Raises:
        typer.Exit: there is no editor, or it failed; nothing is changed.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or _some_editor()
    if command is None:
        console.print("No editor found: set $EDITOR, or give the text with --text.")
        raise typer.Exit(FAILURE)
    with tempfile.TemporaryDirectory(prefix="confess-") as folder:
        path = Path(folder) / "post.txt"
        path.write_text(text + "\n", encoding="utf-8")
        try:
            subprocess.run([*shlex.split(command), str(path)], check=True)  # noqa: S603 - the person's own editor
        except (OSError, subprocess.CalledProcessError) as error:
            console.print(plain(f"The editor {command} failed ({error}); nothing is changed."))
            raise typer.Exit(FAILURE) from None
        return path.read_text(encoding="utf-8").strip("\n")


def judge(settings: Settings, post: Post, text: str) -> Verdict:
    """The gate's verdict on a new text in a post's place."""
    gate = open_gate(settings, newest_adapter(settings))
    try:
        return gate.judge(text, Context(platform=post.platform, channel=post.channel, server=post.server))
    finally:
        gate.close()


def _decide(database: Database, settings: Settings, post: Post, who: str) -> str:
    """Ask until there is an answer: "decided", "skipped" or "quit"."""
    with database.reading() as session:
        because = posts.held_because(session, post.number)
    console.print(review_card(post, clock(), because))
    while True:
        console.print(KEYS, style="bold", highlight=False)
        key = typer.getchar().lower()
        if key == "a":
            review.approve(database, post_id=post.number, who=who, why="", now=clock(), version=post.version)
            console.print(f"[green]Post {post.id} is approved.[/]\n")
            return "decided"
        if key == "r":
            reason = console.input("Why not? (empty: do not reject after all) ").strip()
            if not reason:
                continue
            review.reject(database, post_id=post.number, who=who, why=reason, now=clock(), version=post.version)
            console.print(f"[red]Post {post.id} is rejected:[/] {escape(reason)}\n")
            return "decided"
        if key == "e":
            post = _edit(database, settings, post, who)
            console.print(review_card(post, clock(), because))
        elif key == "s":
            return "skipped"
        elif key in {"q", "\x03", "\x04"}:
            return "quit"


def _edit(database: Database, settings: Settings, post: Post, who: str) -> Post:
    try:
        text = ask_editor(post.text)
    except typer.Exit:
        return post
    if text == post.text:
        return post
    verdict = judge(settings, post, text)
    try:
        return review.edit(
            database,
            post_id=post.number,
            text=text,
            verdict=verdict,
            who=who,
            why="",
            now=clock(),
            version=post.version,
        )
    except EditRefused as error:
        console.print(plain(str(error), "red"))
        return post


def _some_editor() -> str | None:
    return next((name for name in ("editor", "nano", "vi", "notepad") if shutil.which(name)), None)
