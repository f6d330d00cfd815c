"""``confess gate words``: the owner's word list."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from moderation.words import Word

app = typer.Typer(help="Your own word list, on top of the built-in one.", no_args_is_help=True)

Entry = Annotated[
    str, typer.Argument(metavar="WORD", help="A word or phrase; * for any letters at either end; /…/ for a pattern.")
]


def _file() -> Path:
    """The owner's list, as the settings name it."""
    from bot.settings import load_settings

    return load_settings().gate.words


@app.command("add")
def add_word(
    word: Entry,
    tier: Annotated[
        Literal["block", "hold", "allow"], typer.Option(help="Never post it, have a person look, or let it through.")
    ] = "hold",
    platform: Annotated[list[str] | None, typer.Option(help="Only on this platform.")] = None,
    server: Annotated[list[str] | None, typer.Option(help="Only on this Discord server (its id).")] = None,
    why: Annotated[str, typer.Option(help="A note for those who come after you.")] = "",
) -> None:
    """Put a word into your list, with your name and the time."""
    from bot.cli.console import console, plain
    from bot.cli.record import clock, terminal_user
    from moderation.words import Word, add

    path = _file()
    entry = Word(word, tier, tuple(platform or ()), tuple(server or ()), why=why)
    add(path, entry, who=terminal_user(), now=clock())
    console.print(plain(f"“{word}” is in {path} as {tier}. A running bot takes it up within a minute."))


@app.command("remove")
def remove_word(word: Entry) -> None:
    """Take a word out of your list; who did it and when stays in the file."""
    from bot.cli.console import console, plain
    from bot.cli.record import clock, terminal_user
    from moderation.words import remove

    path = _file()
    remove(path, word, who=terminal_user(), now=clock())
    console.print(plain(f"“{word}” is out of {path}."))


@app.command("list")
def list_words(
    built_in: Annotated[bool, typer.Option("--built-in", help="Show the built-in list as well.")] = False,
    removed: Annotated[bool, typer.Option("--removed", help="Show what was taken out as well.")] = False,
) -> None:
    """Show your list: word, tier, where it counts, who put it in and when."""
    from rich import box
    from rich.table import Table

    from bot.cli.console import console, errors, plain
    from moderation import words

    own = words.load(_file())
    rows: list[tuple[Word, str]] = [(word, "") for word in own.words]
    rows += [(word, "removed") for word in own.removed] if removed else []
    rows += [(word, "") for word in words.built_in()] if built_in else []
    if not rows:
        errors.print("Your list is empty. 'confess gate words add WORD' begins it.")
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    for heading in ("word", "tier", "where", "by", "when", "why", ""):
        table.add_column(heading, overflow="fold")
    for word, note in rows:
        where = ", ".join((*word.platforms, *word.servers)) or "everywhere"
        when = f"{word.at:%Y-%m-%d %H:%M}" if word.at else ""
        table.add_row(plain(word.word), word.tier, plain(where), plain(word.by), when, plain(word.why), note)
    console.print(table)
