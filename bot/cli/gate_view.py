"""How the gate's commands show what they found."""

from collections.abc import Mapping
from datetime import datetime
from itertools import product

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bot.cli.console import plain
from bot.cli.tables import COLOURS
from moderation.backtest import Backtest
from moderation.calibrate import Calibration
from moderation.record import FilterStats
from moderation.verdict import Decision

_BAR = 24  # characters of a full bar


def _table(*headings: str, numbers: int = 0) -> Table:
    """A plain table; the last `numbers` columns are flush right."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    for place, heading in enumerate(headings):
        right = place >= len(headings) - numbers
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    return table


def calibration(found: Calibration) -> RenderableType:
    """The thresholds, what they give, and the curve that they were chosen on."""
    thresholds = _table("category", "hold from", "block from", numbers=2)
    for name, rule in found.rules.items():
        thresholds.add_row(name, f"{rule.hold:.3f}", f"{rule.block:.3f}")
    what = "of your posts are held" if found.source == "corpus" else "of what reviewers rejected gets through"
    summary = f"{found.reached:.2%} {what} (asked for: at most {found.target:.2%}; {found.rows} texts)."
    return Group(thresholds, _curve(found), Text(summary), *(plain(remark, "dim") for remark in found.remarks))


def _curve(found: Calibration) -> Table:
    known = any(point.missed is not None for point in found.curve)
    table = _table("thresholds ×", *(["let through"] if known else []), "good posts held", "")
    for point in found.curve:
        bar = "█" * round(point.held * _BAR)
        missed = [] if not known else ["" if point.missed is None else f"{point.missed:.1%}"]
        table.add_row(f"{point.scale:.2f}", *missed, f"{point.held:.1%}", bar)
    return table


def note(found: Calibration, *, who: str, now: datetime) -> str:
    """The comment that goes into confess.toml with the thresholds."""
    by = "own posts held" if found.source == "corpus" else "of what reviewers reject let through"
    return (
        f"Calibrated {now:%Y-%m-%d} by {who} on {found.rows} texts ({found.source}): "
        f"{found.reached:.2%} {by}, target {found.target:.2%}."
    )


def backtest(result: Backtest, examples: int) -> RenderableType:
    """How many texts would go another way, and some of them."""
    changed = len(result.changes)
    parts: list[RenderableType] = [
        Text(f"{result.total} posts judged again; {changed} would go another way ({changed / result.total:.1%}).")
    ]
    for before, after in product(Decision, Decision):
        changes = result.between(before, after)
        if before is after or not changes:
            continue
        yes = sum(change.case.approved is True for change in changes)
        no = sum(change.case.approved is False for change in changes)
        people = f"; people had approved {yes} and rejected {no} of them" if yes or no else ""
        parts.append(Text(f"\n{before} → {after}: {len(changes)}{people}", style=f"bold {COLOURS[after]}"))
        table = _table("text", "why now" if after.severity > before.severity else "why before")
        for change in changes[:examples]:
            verdict = change.after if after.severity > before.severity else change.before
            table.add_row(plain(change.case.text), plain("\n".join(verdict.reasons[:2]), "dim"))
        if examples:
            parts.append(table)
    return Group(*parts)


def stats(tallied: Mapping[str, FilterStats], total: int) -> RenderableType:
    """One line a filter."""
    table = _table("filter", "most often", "fired", "alone", "yes / no", "failed", "p50 / p95", numbers=5)
    table.columns[0].no_wrap = True
    for name, one in sorted(tallied.items(), key=lambda item: -item[1].fired):
        common = ", ".join(f"{category} {count}" for category, count in one.categories.most_common(3))
        table.add_row(
            name,
            common,
            f"{one.fired} ({one.fired / total:.1%})",
            str(one.alone),
            f"{one.overruled} / {one.confirmed}",
            str(one.failed),
            f"{one.percentile(0.5):.2f} / {one.percentile(0.95):.2f}",
        )
    foot = f"{total} posts. Alone: nothing else would have stopped the text. Yes, no: what people decided. Times in ms."
    return Group(table, Text(foot, style="dim"))
