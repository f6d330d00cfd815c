"""How posts are read: the same options for every command that reads them."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:  # for a command's help nothing heavy is loaded
    from finetune.corpus.options import ReadOptions

Paths = Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files, folders or archives with posts.")]
Consent = Annotated[str, typer.Option(help="One line for the data card: who agreed to this use.")]

_PANEL = "What is read"


def _option(help_: str, *names: str) -> Any:
    return typer.Option(*names, help=help_, rich_help_panel=_PANEL)


TextColumn = Annotated[str | None, _option("The column or field with the posts.")]
Format = Annotated[
    str | None, _option("csv, tsv, lines, blocks, fortunes, marks, json or jsonl; sniffed when left out.", "--format")
]
Encoding = Annotated[str | None, _option("Such as cp1252; sniffed when left out.")]


def _reading(
    text_column: TextColumn = None,
    layout: Format = None,
    encoding: Encoding = None,
    keep_urls: Annotated[bool, _option("Leave web addresses in the posts.", "--keep-urls")] = False,
    keep_mentions: Annotated[bool, _option("Leave the mentions replies begin with.", "--keep-mentions")] = False,
    keep_replies: Annotated[bool, _option("Take replies to other people, too.", "--keep-replies")] = False,
    keep_near_duplicates: Annotated[bool, _option("Drop only exact repeats.", "--keep-near-duplicates")] = False,
    shortest: Annotated[int, _option("Characters a post must have.")] = 12,
    longest: Annotated[int, _option("Characters a post may have.")] = 1000,
    language: Annotated[list[str] | None, _option("Take only posts in this language (en, de, …).")] = None,
    author: Annotated[list[str] | None, _option("Take only this author's posts.")] = None,
    scrub: Annotated[list[str] | None, _option("Blank out what is found of this category.")] = None,
    drop: Annotated[list[str] | None, _option("Drop rows with a finding of this category.")] = None,
    keep: Annotated[list[str] | None, _option("Keep rows with a finding of this category.")] = None,
) -> "ReadOptions":
    from finetune.corpus.options import ReadOptions

    return ReadOptions(
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
    )


def reads_posts(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of reading; it takes them as one keyword, ``options``, a ``ReadOptions``.

    Typer reads a command's signature and annotations, so both are written out on the command that comes back.
    """
    theirs = inspect.signature(_reading).parameters

    @functools.wraps(command)
    def run(**given: Any) -> None:
        options = _reading(**{name: given.pop(name) for name in theirs})
        command(options=options, **given)

    own = [each for name, each in inspect.signature(command).parameters.items() if name != "options"]
    shared = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in theirs.values()]
    first = [each for each in own if each.kind is not inspect.Parameter.KEYWORD_ONLY]
    parameters = [*first, *shared, *(each for each in own if each.kind is inspect.Parameter.KEYWORD_ONLY)]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": None}
    return run
