"""``confess corpus``: look at posts before they are learned, and make them forgotten."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Look at a heap of posts before it is learned; forget rows.", no_args_is_help=True)

Paths = Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files, folders or archives with posts.")]


@app.command()
def check(
    paths: Paths,
    text_column: Annotated[str | None, typer.Option(help="The column or field with the posts.")] = None,
    layout: Annotated[
        str | None, typer.Option("--format", help="csv, tsv, lines, blocks, fortunes, marks, json or jsonl.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Such as cp1252; sniffed when left out.")] = None,
    keep_urls: Annotated[bool, typer.Option("--keep-urls", help="Leave web addresses in the posts.")] = False,
    keep_mentions: Annotated[
        bool, typer.Option("--keep-mentions", help="Leave the mentions replies begin with.")
    ] = False,
    keep_replies: Annotated[bool, typer.Option("--keep-replies", help="Take replies to other people, too.")] = False,
    keep_near_duplicates: Annotated[
        bool, typer.Option("--keep-near-duplicates", help="Drop only exact repeats.")
    ] = False,
    shortest: Annotated[int, typer.Option(help="Characters a post must have.")] = 12,
    longest: Annotated[int, typer.Option(help="Characters a post may have.")] = 1000,
    language: Annotated[list[str] | None, typer.Option(help="Take only posts in this language (en, de, …).")] = None,
    author: Annotated[list[str] | None, typer.Option(help="Take only this author's posts.")] = None,
    scrub: Annotated[list[str] | None, typer.Option(help="Blank out what is found of this category.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Drop rows with a finding of this category.")] = None,
    keep: Annotated[list[str] | None, typer.Option(help="Keep rows with a finding of this category.")] = None,
    audit: Annotated[bool, typer.Option("--audit/--no-audit", help="Judge what is in the rows.")] = True,
    dropped: Annotated[
        Path | None, typer.Option(help="List every row left out in this file, as JSON lines; - prints.")
    ] = None,
    card: Annotated[Path | None, typer.Option(help="Write the data card into this folder.")] = None,
    consent: Annotated[str, typer.Option(help="One line for the data card: who agreed to this use.")] = "",
    json_: Annotated[bool, typer.Option("--json", help="Print the data card as JSON.")] = False,
) -> None:
    """Read posts as training would, and show the format, five rows, what was left out and why, and what is in them."""
    from bot.cli import corpus_view as view
    from finetune.corpus.options import ReadOptions

    options = ReadOptions(
        format=layout,
        text_column=text_column,
        encoding=encoding,
        keep_urls=keep_urls,
        keep_mentions=keep_mentions,
        keep_replies=keep_replies,
        keep_near_duplicates=keep_near_duplicates,
        shortest=shortest,
        longest=longest,
        languages=tuple(language or ()),
        authors=tuple(author or ()),
        keep=tuple(keep or ()),
        scrub=tuple(scrub or ()),
        drop=tuple(drop or ()),
        least_characters=0,
    )
    view.check(paths, options, audited=audit, dropped=dropped, card=card, consent=consent, as_json=json_)


@app.command()
def forget(
    paths: Paths,
    author: Annotated[str | None, typer.Option(help="Forget every row of this author.")] = None,
    match: Annotated[str | None, typer.Option(help="Forget every row in which this pattern (RE2) is found.")] = None,
    adapters: Annotated[
        Path | None, typer.Option(help="Folder with adapters to mark; the setting's when left out.")
    ] = None,
) -> None:
    """Never learn some rows again: write a rule beside the corpus, and mark the adapters that learned them as stale."""
    from datetime import UTC, datetime

    from bot.cli import corpus_view as view
    from finetune.corpus.forget import Rule
    from finetune.corpus.forget import forget as forget_rows

    if adapters is None:
        from bot.settings import load_settings

        adapters = load_settings().adapters.folder
    rule = Rule(author=author, match=match)
    with view.progress() as bars:
        found = forget_rows(paths, rule, adapters=adapters, now=datetime.now(UTC), progress=bars)
    view.forgotten(found)
