"""What would have happened: the record, judged again by another policy."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from moderation.gate import Gate
from moderation.record import Case
from moderation.verdict import Decision, Verdict

_CHUNK = 256  # texts judged between two reports of progress


@dataclass(frozen=True, slots=True)
class Change:
    """A text that the two policies judge differently."""

    case: Case
    before: Verdict
    after: Verdict


@dataclass(frozen=True, slots=True)
class Backtest:
    """How the two policies compare on the record."""

    moves: Counter[tuple[Decision, Decision]]  # (before, after) → texts
    changes: tuple[Change, ...]

    @property
    def total(self) -> int:
        """Texts judged."""
        return self.moves.total()

    def between(self, before: Decision, after: Decision) -> list[Change]:
        """The changes from one decision to another."""
        return [change for change in self.changes if (change.before.decision, change.after.decision) == (before, after)]


def backtest(
    cases: Iterable[Case], before: Gate, after: Gate, *, progress: Callable[[int], None] = lambda done: None
) -> Backtest:
    """Judge every case with both gates, each in its own place.

    Both are asked again, rather than trusting the recorded verdict, so that only the policy differs and not the
    filters of that day. `progress` is told how many texts are done.
    """
    moves: Counter[tuple[Decision, Decision]] = Counter()
    changes: list[Change] = []
    for context, group in groupby(cases, key=lambda case: case.context):
        for chunk in _chunks(list(group)):
            texts = [case.text for case in chunk]
            pairs = zip(chunk, before.judge_many(texts, context), after.judge_many(texts, context), strict=True)
            for case, old, new in pairs:
                moves[old.decision, new.decision] += 1
                if old.decision is not new.decision:
                    changes.append(Change(case, old, new))
            progress(moves.total())
    return Backtest(moves, tuple(changes))


def _chunks(cases: Sequence[Case]) -> Iterable[Sequence[Case]]:
    return (cases[start : start + _CHUNK] for start in range(0, len(cases), _CHUNK))
