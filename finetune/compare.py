"""Two adapters side by side: what was asked, what was learned from, what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generation.adapter import Adapter

ASKED = ("base", "rank", "learning_rate", "epochs", "topics", "seed")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing compared."""

    what: str
    left: str
    right: str
    better: str | None = None  # "left", "right", or None where neither is or nobody can say


def compare(left: Adapter, right: Adapter) -> list[Line]:
    """Every line of the comparison.

    Losses are compared only where both bases and the held-out posts are the same; bits a byte need the same posts.
    """
    same_posts = _data(left).get("sha256") == _data(right).get("sha256") and _recipe(left, "seed") == _recipe(
        right, "seed"
    )
    same_base = left.card.base_hash == right.card.base_hash
    lines = [
        Line("made", f"{left.card.created_at:%Y-%m-%d %H:%M}", f"{right.card.created_at:%Y-%m-%d %H:%M}"),
        Line("posts", f"{_data(left).get('rows', 0):,}", f"{_data(right).get('rows', 0):,}"),
        *(Line(key.replace("_", " "), _recipe(left, key), _recipe(right, key)) for key in ASKED),
    ]
    for what, path, places, comparable in (
        ("loss before, nats a token", "before.loss", 3, False),
        ("loss after, nats a token", "after.loss", 3, same_posts and same_base),
        ("bits a byte after", "after.bits_per_byte", 3, same_posts),
        ("samples that copy a post", "samples.copied", "%", True),
        ("8-word runs copied", "samples.copied_runs", "%", True),
        ("distance to the posts' lengths", "samples.length_gap", 3, True),
        ("self-BLEU", "samples.self_bleu", 3, True),
    ):
        lines.append(_measured(what, left, right, path, places, 1 if comparable else 0))
    lines.append(_measured("samples that end by themselves", left, right, "samples.stopped", "%", -1))
    lines.append(_measured("topics followed", left, right, "topics.followed", "%", -1))
    return lines


def metric(adapter: Adapter, path: str) -> float | None:
    """A number of the card by its dotted path, None where the card does not have it."""
    found: Any = adapter.card.metrics
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) else None


def _measured(what: str, left: Adapter, right: Adapter, path: str, places: int | str, lower: int) -> Line:
    """``lower`` is 1 where the smaller number is better, -1 where the larger is, 0 where neither."""
    values = [metric(adapter, path) for adapter in (left, right)]
    shown = ["–" if value is None else f"{value:.1%}" if places == "%" else f"{value:.{places}f}" for value in values]
    better = None
    if lower and values[0] is not None and values[1] is not None and values[0] != values[1]:
        better = "left" if (values[0] - values[1]) * lower < 0 else "right"
    return Line(what, shown[0], shown[1], better)


def _data(adapter: Adapter) -> Mapping[str, Any]:
    return adapter.card.data


def _recipe(adapter: Adapter, key: str) -> str:
    settled: Any = adapter.card.recipe.get("settled") or {}
    value = settled.get(key, adapter.card.recipe.get(key, "–"))
    return f"{value:g}" if isinstance(value, float) else str(value)
