"""Rows made from the project's own patterns (``templates/*.toml``): for want of licensed text, and hard negatives."""

import random
import re
import tomllib
from importlib.resources import files
from typing import Any

from moderation.training.rows import Row

_SLOT = re.compile(r"\{(\w+)\}")
HEADS = ("insult", "hate", "sexual", "threat", "selfharm", "spam")  # each has a file of patterns


def made_rows(per_side: int, seed: int) -> list[Row]:
    """About ``per_side`` harmful and as many harmless rows a head, without repetition."""
    return [row for head in HEADS for row in _made_for(head, per_side, random.Random(f"{seed} {head}"))]


def _made_for(head: str, count: int, chance: random.Random) -> list[Row]:
    text = files("moderation.training").joinpath("templates", f"{head}.toml").read_text("utf-8")
    written: dict[str, Any] = tomllib.loads(text)
    rows: dict[str, Row] = {}
    for side, labels in (("yes", _harmful(head)), ("no", dict.fromkeys(("tox", *HEADS), 0.0))):
        patterns: list[str] = written[side]["rows"]
        for number in range(count):
            line = _filled(patterns[number % len(patterns)], written["slots"], chance)
            rows.setdefault(line, Row(line, f"made-{head}", labels))
    return list(rows.values())


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
    line = " ".join(line.split()).replace(" ,", ",").replace(" .", ".")
    style = chance.random()  # posts are written in many ways
    if style < 0.35:
        line = line[:1].upper() + line[1:] + chance.choice([".", "!", "...", ""])
    elif style < 0.45:
        line = line.lower().replace("'", "").replace(",", "")
    elif style < 0.5:
        line = line.upper()
    return line
