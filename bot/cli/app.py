"""The command line: every command in one list. Each is one function call; heavy imports happen inside it."""

import os
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from bot.cli import adapters, corpus, db, gate, posts, review
from bot.cli.console import console
from bot.cli.demo import demo
from bot.cli.doctor import doctor
from bot.cli.finetune import finetune
from bot.cli.generate import generate
from bot.cli.init import init
from bot.cli.run import run
from bot.cli.screen import screen
from bot.cli.shelf import shelf
from bot.cli.verify import verify

app = typer.Typer(
    name="confess",
    help="Teach a small language model a voice, screen what it says, let people decide, and post it exactly once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

START, TEACH, SPEAK, DECIDE = "Start here", "Teach a voice", "Speak", "Decide and look back"


def _version(wanted: bool) -> None:
    if wanted:
        console.print(f"confessional {version('confessional')}")
        raise typer.Exit


@app.callback()
def main(
    home: Annotated[
        Path | None,
        typer.Option("--home", "-C", help="Work in this folder: its .env, confess.toml, database and adapters."),
    ] = None,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Options that come before any command."""
    if home is not None:
        if not home.is_dir():
            raise typer.BadParameter(f"there is no folder {home}", param_hint="--home")
        os.chdir(home)


app.command(rich_help_panel=START)(demo)
app.command(rich_help_panel=START)(init)
app.command(rich_help_panel=START)(doctor)
app.add_typer(db.app, name="db", rich_help_panel=START)

app.add_typer(corpus.app, name="corpus", rich_help_panel=TEACH)
app.command(rich_help_panel=TEACH)(finetune)
app.add_typer(adapters.app, name="adapters", rich_help_panel=TEACH)

app.command(rich_help_panel=SPEAK)(generate)
app.command("say", help="The same as generate.", rich_help_panel=SPEAK)(generate)
app.command(rich_help_panel=SPEAK)(run)
app.command(rich_help_panel=SPEAK)(shelf)

app.command(rich_help_panel=DECIDE)(screen)
app.add_typer(gate.app, name="gate", rich_help_panel=DECIDE)
app.add_typer(review.app, name="review", rich_help_panel=DECIDE)
app.add_typer(posts.app, name="posts", rich_help_panel=DECIDE)
app.command(rich_help_panel=DECIDE)(verify)
