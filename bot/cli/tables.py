"""Posts as a table people can read."""

from collections.abc import Iterable

from rich import box
from rich.table import Table
from rich.text import Text

from bot.cli.console import plain
from bot.compose import Outcome
from moderation.verdict import Decision, Verdict
from storage.lifecycle import State

COLOURS = {Decision.ALLOW: "green", Decision.HOLD: "yellow", Decision.BLOCK: "red"}
MARKS = {Decision.ALLOW: "✓", Decision.HOLD: "?", Decision.BLOCK: "✗"}


def verdict_cell(verdict: Verdict) -> Text:
    """``✓ allow``, or ``? hold`` in its colour."""
    return Text(f"{MARKS[verdict.decision]} {verdict.decision}", style=COLOURS[verdict.decision])


def outcome_table(outcomes: Iterable[Outcome], *, title: str | None = None) -> Table:
    """Texts with what the gate said of each and where each stands now."""
    table = Table(title=title, box=box.SIMPLE_HEAD, show_lines=False, expand=True, padding=(0, 1))
    table.add_column("post", justify="right", style="dim", no_wrap=True)
    table.add_column("text", ratio=5)
    table.add_column("verdict", no_wrap=True)
    table.add_column("why", ratio=3)
    table.add_column("now", no_wrap=True)
    for outcome in outcomes:
        number = "" if outcome.post_id is None else str(outcome.post_id)
        state = "turned away" if outcome.state is None else State(outcome.state).value
        why = "\n".join(outcome.verdict.reasons[:3])
        table.add_row(number, plain(outcome.text), verdict_cell(outcome.verdict), plain(why, "dim"), state)
    return table
