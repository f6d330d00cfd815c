"""Rows made from the project's own patterns (``templates/``): for want of licensed text, and hard negatives."""

import random
import re
import tomllib
from importlib.resources import files
from typing import Any

from moderation.training.rows import Row

_SLOT = re.compile(r"\{(\w+)\}")
_STYLES = 4  # times a whole text is written, each time filled and styled anew
HEADS = ("insult", "hate", "sexual", "threat", "selfharm", "spam")  # each has a file of patterns


def made_rows(per_side: int, seed: int) -> list[Row]:
    """About ``per_side`` harmful and as many harmless rows a head, and harmless ones of no head in particular."""
    found = [row for head in HEADS for row in _made_for(head, per_side, random.Random(f"{seed} {head}"))]
    # Twice as many, or heads with little data would know the manner of the harmful stories, not what they tell.
    return [*found, *_made_plain(2 * per_side, random.Random(f"{seed} plain"))]


def _made_for(head: str, count: int, chance: random.Random) -> list[Row]:
    patterns, lines = _written(f"{head}.toml"), _written(f"lines/{head}.toml")
    harmless = dict.fromkeys(("tox", *HEADS), 0.0)
    rows: dict[str, Row] = {}
    for side, labels in (("yes", _harmful(head)), ("no", harmless), ("other", {head: 0.0, "spam": 0.0})):
        shown: list[str] = patterns.get(side, {}).get("rows", [])
        repeated = [shown[number % len(shown)] for number in range(count)] if shown else []
        for pattern in repeated + _lines(lines, side, 2 * count):
            line = _filled(pattern, patterns["slots"], chance)
            rows.setdefault(line, Row(line, f"made-{head}", labels))
    return [*rows.values(), *_joined(list(rows.values()), head, count // 2, chance)]


def _made_plain(count: int, chance: random.Random) -> list[Row]:
    harmless = dict.fromkeys(("tox", *HEADS), 0.0)
    lines = [_styled(line, chance) for line in _lines(_written("lines/plain.toml"), "no", 2 * count)]
    rows = [Row(line, "made-plain", harmless) for line in dict.fromkeys(lines)]
    return [*rows, *_joined(rows, "plain", count // 2, chance)]


def _lines(written: dict[str, Any], side: str, most: int) -> list[str]:
    """The whole texts of a side, one a line, of all its topics, over and over but not more than ``most``."""
    once = [line for topic in written.get(side, {}).values() for line in topic.splitlines() if line]
    return (once * _STYLES)[:most]


def _joined(rows: list[Row], head: str, count: int, chance: random.Random) -> list[Row]:
    """Longer rows of 2 to 8 of these, ``count`` of each side: harmless ones, and some with others among them."""
    yes = [row for row in rows if row.labels.get(head) == 1]
    no = [row for row in rows if "tox" in row.labels and not any(row.labels.values())]
    other = [row for row in rows if "tox" not in row.labels and not any(row.labels.values())]
    found = []
    for side in (yes, no, other):
        for _ in range(count if side else 0):
            length = chance.randint(2, 8)
            own = chance.randint(1, length)
            parts = chance.choices(side, k=own) + chance.choices(no, k=length - own)
            chance.shuffle(parts)
            text = " ".join(part.text if part.text[-1] in ".!?" else f"{part.text}." for part in parts)
            found.append(Row(text, f"made-{head}", side[0].labels))
    return found


def _written(name: str) -> dict[str, Any]:
    return tomllib.loads(files("moderation.training").joinpath("templates", name).read_text("utf-8"))


def _harmful(head: str) -> dict[str, float]:
    """What a harmful row of one head says about the others: spam and self-harm are no insults."""
    labels = {head: 1.0}
    if head in ("insult", "hate", "threat"):
        labels |= {"tox": 1.0, "spam": 0.0}
    if head == "insult":
        labels |= {"hate": 0.0, "sexual": 0.0, "threat": 0.0}
    if head in ("sexual", "threat", "hate"):
        labels |= {"selfharm": 0.0}
    if head == "spam":
        labels |= dict.fromkeys(("tox", "insult", "hate", "threat", "selfharm"), 0.0)
    return labels


def _filled(pattern: str, slots: dict[str, list[str]], chance: random.Random) -> str:
    line = _SLOT.sub(lambda match: chance.choice(slots[match.group(1)]), pattern)
    return _styled(" ".join(line.split()).replace(" ,", ",").replace(" .", "."), chance)


def _styled(line: str, chance: random.Random) -> str:
    """The line as one of many people might type it."""
    style = chance.random()
    if style < 0.35:
        return line[:1].upper() + line[1:] + chance.choice([".", "!", "...", ""])
    if style < 0.45:
        return line.lower().replace("'", "").replace(",", "")
    return line.upper() if style < 0.5 else line
