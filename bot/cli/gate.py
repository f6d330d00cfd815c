"""``confess gate``: tune the gate by one's own numbers, and see how it does."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli import words

if TYPE_CHECKING:
    from moderation.calibrate import Calibration

app = typer.Typer(help="Tune the gate by your own numbers, and see how it does.", no_args_is_help=True)
app.add_typer(words.app, name="words")

Limit = Annotated[int, typer.Option(min=1, help="Look at this many of the newest posts.")]


def _share(given: str | float) -> float:
    """``2%`` or ``0.02`` as .02."""
    text = str(given).strip()
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise typer.BadParameter("a share is written like 2% or 0.02") from None
    if not 0 < value < 1:
        raise typer.BadParameter("a share lies between 0% and 100%, like 2% or 0.02")
    return value


@app.command()
def calibrate(
    corpus: Annotated[list[Path] | None, typer.Argument(metavar="FILE…", help="Your posts, all known fine.")] = None,
    *,
    budget: Annotated[float, typer.Option(parser=_share, help="Of your own posts, hold at most this share.")] = 0.02,
    reviewers: Annotated[
        bool, typer.Option("--reviewers", help="Go by what your moderators decided, instead of by FILE.")
    ] = False,
    miss: Annotated[
        float, typer.Option(parser=_share, help="Of what moderators would reject, let through at most this share.")
    ] = 0.01,
    write: Annotated[bool, typer.Option("--write", help="Put the thresholds into confess.toml.")] = False,
    limit: Limit = 20_000,
) -> None:
    """Find thresholds within a budget: from your corpus, or from your moderators' decisions."""
    if bool(corpus) is reviewers:
        raise typer.BadParameter("name the files with your posts, or --reviewers to go by their decisions")
    from bot.cli import gate_view as view
    from bot.cli.console import console, errors

    found = _by_reviewers(miss, limit) if reviewers else _by_corpus(corpus or [], budget)
    console.print(view.calibration(found))
    if not write:
        errors.print("Nothing is changed yet; --write puts these thresholds into confess.toml.")
        return
    from bot.cli.record import clock, terminal_user
    from bot.settings import TOML
    from moderation.policy_file import set_rules

    set_rules(Path(TOML), found.rules, note=view.note(found, who=terminal_user(), now=clock()))
    console.print(f"Written to {TOML} under [policy.rules]; they count from the next start.", markup=False)


def _by_corpus(paths: list[Path], budget: float) -> "Calibration":
    from bot.cli import gate_room as room
    from moderation.calibrate import by_budget

    texts = room.corpus_texts(paths)
    with room.open_bare_gate() as gate, room.progress("judging your posts", len(texts)) as tell:
        return by_budget(gate, texts, budget=budget, progress=tell)


def _by_reviewers(miss: float, limit: int) -> "Calibration":
    from bot.cli import gate_room as room
    from bot.settings import load_settings
    from moderation.calibrate import by_reviewers

    settings = load_settings()
    return by_reviewers(room.cases(settings, limit), settings.policy, miss=miss)


@app.command()
def backtest(
    policy: Annotated[Path, typer.Option(help="The policy to try: a TOML file with a [policy] table.")],
    examples: Annotated[int, typer.Option(min=0, help="Show this many texts for each kind of change.")] = 3,
    limit: Limit = 5_000,
) -> None:
    """Replay the record with another policy, and show what would have changed."""
    from bot.cli import gate_room as room
    from bot.cli import gate_view as view
    from bot.cli.console import console, errors
    from bot.settings import load_settings
    from moderation.backtest import backtest as replay
    from moderation.policy import Policy

    settings, new = load_settings(), Policy.read(policy)
    cases = room.cases(settings, limit)
    if not cases:
        errors.print("The record is empty. 'confess say' writes a first post.")
        return
    with (
        room.open_bare_gate() as before,
        room.open_bare_gate(new) as after,
        room.progress("replaying", len(cases)) as tell,
    ):
        result = replay(cases, before, after, progress=tell)
    console.print(view.backtest(result, examples))


@app.command()
def stats(limit: Limit = 5_000) -> None:
    """How often each filter fires, alone or with others, how people decided then, and how long it takes."""
    from bot.cli import gate_room as room
    from bot.cli import gate_view as view
    from bot.cli.console import console, errors
    from bot.settings import load_settings
    from moderation.record import tally

    cases = room.cases(load_settings(), limit)
    if not cases:
        errors.print("The record is empty. 'confess say' writes a first post.")
        return
    console.print(view.stats(tally(cases), len(cases)))
