"""What the gate says of a text: findings, and the verdict that sums them up."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self


class Decision(StrEnum):
    """What may happen to a text, mildest first."""

    ALLOW = "allow"
    HOLD = "hold"
    BLOCK = "block"

    @property
    def severity(self) -> int:
        """0 for allow, 1 for hold, 2 for block: the worst finding wins."""
        return list(Decision).index(self)

    @classmethod
    def worst(cls, decisions: "list[Decision]") -> "Decision":
        """The severest of some decisions; allow when there is none."""
        return max(decisions, key=lambda decision: decision.severity, default=cls.ALLOW)


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open range of characters in the *original* text: ``text[start:end]``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One filter's remark on a text."""

    filter: str  # which filter: "wordlist", "shape", "personal", "echo", "classifier", …
    category: str  # what it is about: "insult", "phone", "too-long", …; the policy's key
    decision: Decision  # what the policy makes of it
    reason: str  # one sentence for people
    span: Span | None = None  # where, when it is somewhere
    score: float | None = None  # 0 to 1, when the filter measures
    threshold: float | None = None  # what the score was held against
    shadow: bool = False  # evaluated and logged, not enforced


@dataclass(frozen=True, slots=True)
class FilterRun:
    """That a filter ran, which version of it, how long it took, and whether it failed."""

    filter: str
    version: str
    milliseconds: float
    error: str | None = None  # a filter that raised or timed out: its findings hold the text


@dataclass(frozen=True, slots=True)
class Verdict:
    """The sum of all findings on one text under one policy."""

    decision: Decision
    findings: tuple[Finding, ...] = ()
    runs: tuple[FilterRun, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)  # classifier category → 0 to 1
    policy: str = ""  # what judged: the policy's hash, and a mark of the owner's words (Gate.rules)

    @property
    def reasons(self) -> list[str]:
        """The sentences of the findings that made the decision, severest first."""
        told = [finding for finding in self.findings if not finding.shadow]
        return [finding.reason for finding in sorted(told, key=lambda finding: -finding.decision.severity)]

    def to_json(self) -> dict[str, Any]:
        """Plain dict for the record; :meth:`from_json` reads it back."""
        return asdict(self) | {"scores": dict(self.scores)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The verdict that :meth:`to_json` wrote."""
        return cls(
            decision=Decision(data["decision"]),
            findings=tuple(_finding(row) for row in data.get("findings", ())),
            runs=tuple(FilterRun(**row) for row in data.get("runs", ())),
            scores=dict(data.get("scores", {})),
            policy=data.get("policy", ""),
        )


def _finding(row: Mapping[str, Any]) -> Finding:
    span = Span(**row["span"]) if row.get("span") else None
    return Finding(**{**row, "decision": Decision(row["decision"]), "span": span})
