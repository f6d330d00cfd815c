"""What an audit finds, as a corpus carries it along."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """What is done with a row in which something was found."""

    KEEP = "keep"
    SCRUB = "scrub"
    DROP = "drop"


@dataclass(slots=True)
class Found:
    """One category: how many rows, what was done, a few of them."""

    rows: int = 0
    action: Action = Action.KEEP
    examples: list[str] = field(default_factory=list)  # short excerpts for the owner's eyes; not in the data card


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """How many words there are, and how often each stands in the corpus."""

    words: int
    distinct: int  # at least; the rarest are let go beyond MOST_WORDS
    frequencies: Mapping[str, int]  # "once", "3 to 5 times", … → how many different words
    top: tuple[tuple[str, int], ...]  # the commonest of five letters and more


@dataclass(frozen=True, slots=True)
class Audit:
    """The sum of what was found."""

    judged: int
    of: int
    findings: Mapping[str, Found]  # category → rows, most first
    several: float  # share of rows that look like several posts in one
    lengths: Mapping[str, int]  # "up to 20", … → rows, by characters
    vocabulary: Vocabulary
    scrubbed: int
    dropped: int

    def to_json(self) -> dict[str, Any]:
        """Plain data for the card, without the examples: the card may be published, they may not."""
        found = asdict(self)
        found["findings"] = {
            name: {"rows": each.rows, "action": each.action.value} for name, each in self.findings.items()
        }
        return found
