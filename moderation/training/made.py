"""Rows made from the project's own patterns (``templates/*.toml``): for want of licensed text, and hard negatives."""

import random
import re
import tomllib
from importlib.resources import files
from typing import Any

from moderation.training.rows import Row

_SLOT = re.compile(r"\{(\w+)\}")
_STYLES = 4  # times a whole sentence is written, each time in a style drawn anew
HEADS = ("insult", "hate", "sexual", "threat", "selfharm", "spam")  # each has a file of patterns


def made_rows(per_side: int, seed: int) -> list[Row]:
    """About ``per_side`` harmful and as many harmless rows a head, without repetition."""
    return [row for head in HEADS for row in _made_for(head, per_side, random.Random(f"{seed} {head}"))]


def _made_for(head: str, count: int, chance: random.Random) -> list[Row]:
    written: dict[str, Any] = tomllib.loads(_written(head))
    harmless = dict.fromkeys(("tox", *HEADS), 0.0)
    sides = (("yes", _harmful(head)), ("no", harmless), ("other", {head: 0.0, "spam": 0.0}))
    rows: dict[str, Row] = {}
    for side, labels in sides:
        patterns: list[str] = written.get(side, {}).get("rows", [])
        for number in range(count if side != "other" else len(patterns) * _STYLES):
            line = _filled(patterns[number % len(patterns)], written["slots"], chance)
            rows.setdefault(line, Row(line, f"made-{head}", labels))
    lines: dict[str, list[str]] = tomllib.loads(_written("lines"))[head]
    for side, labels in sides[:2]:
        for line in lines[side] * _STYLES:
            styled = _styled(line, chance)
            rows.setdefault(styled, Row(styled, f"made-{head}", labels))
    return [*rows.values(), *_joined(list(rows.values()), head, count // 2, chance)]


def _joined(rows: list[Row], head: str, count: int, chance: random.Random) -> list[Row]:
    """Longer rows of 2 to 8 of these: harmful ones hold at least one harmful sentence, and as many wholly harmless."""
    yes = [row for row in rows if row.labels.get(head) == 1]
    no = [row for row in rows if "tox" in row.labels and not any(row.labels.values())]
    found = []
    for number in range(2 * count):
        length = chance.randint(2, 8)
        harmful = chance.randint(1, length) if number % 2 else 0
        parts = chance.choices(yes, k=harmful) + chance.choices(no, k=length - harmful)
        chance.shuffle(parts)
        text = " ".join(part.text if part.text[-1] in ".!?" else f"{part.text}." for part in parts)
        found.append(Row(text, f"made-{head}", (yes if harmful else no)[0].labels))
    return found


def _written(name: str) -> str:
    return files("moderation.training").joinpath("templates", f"{name}.toml").read_text("utf-8")


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
