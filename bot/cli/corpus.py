"""``confess corpus``: look at posts before they are learned, and make them forgotten."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.reading import Consent, Encoding, Format, Paths, TextColumn, reads_posts

if TYPE_CHECKING:
    from finetune.corpus.options import ReadOptions

app = typer.Typer(help="Look at a heap of posts before it is learned; forget rows.", no_args_is_help=True)


@app.command()
@reads_posts
def check(
    paths: Paths,
    *,
    options: "ReadOptions",
    audit: Annotated[bool, typer.Option("--audit/--no-audit", help="Judge what is in the rows.")] = True,
    dropped: Annotated[
        Path | None, typer.Option(help="List every row left out in this file, as JSON lines; - prints.")
    ] = None,
    card: Annotated[Path | None, typer.Option(help="Write the data card into this folder.")] = None,
    consent: Consent = "",
    json_: Annotated[bool, typer.Option("--json", help="Print the data card as JSON.")] = False,
) -> None:
    """Read posts as training would, and show the format, five rows, what was left out and why, and what is in them."""
    from dataclasses import replace

    from bot.cli import corpus_view as view

    told_last = replace(options, least_characters=0)  # too little text is said after everything else was shown
    view.check(paths, told_last, audited=audit, dropped=dropped, card=card, consent=consent, as_json=json_)


@app.command()
def forget(
    paths: Paths,
    author: Annotated[str | None, typer.Option(help="Forget every row of this author.")] = None,
    match: Annotated[str | None, typer.Option(help="Forget every row in which this pattern (RE2) is found.")] = None,
    adapters: Annotated[
        Path | None, typer.Option(help="Folder with adapters to mark; the setting's when left out.")
    ] = None,
    text_column: TextColumn = None,
    layout: Format = None,
    encoding: Encoding = None,
) -> None:
    """Never learn some rows again: write a rule beside the corpus, and mark the adapters that learned them as stale."""
    from datetime import UTC, datetime

    from bot.cli import corpus_view as view
    from finetune.corpus.forget import forget as forget_rows
    from finetune.corpus.options import ReadOptions
    from finetune.corpus.rules import Rule

    if adapters is None:
        from bot.settings import load_settings

        adapters = load_settings().adapters.folder
    rule = Rule(author=author, match=match)
    options = ReadOptions(format=layout, text_column=text_column, encoding=encoding)
    with view.progress() as bars:
        found = forget_rows(paths, rule, adapters=adapters, now=datetime.now(UTC), options=options, progress=bars)
    view.forgotten(found)
