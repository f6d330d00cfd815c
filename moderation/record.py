"""What tuning looks at: texts, the verdict of their day, and what a person made of them. No database here."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from moderation.context import Context
from moderation.verdict import Decision, Verdict


@dataclass(frozen=True, slots=True)
class Case:
    """One text of the record."""

    text: str
    verdict: Verdict
    context: Context = field(default_factory=Context)
    approved: bool | None = None  # a person's yes or no; None while nobody was asked


@dataclass
class FilterStats:
    """One filter's record."""

    ran: int = 0
    failed: int = 0
    fired: int = 0  # texts with at least one finding of it
    alone: int = 0  # of these, texts that nothing else would have stopped
    overruled: int = 0  # of these, texts that a person approved
    confirmed: int = 0  # of these, texts that a person rejected
    categories: Counter[str] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """The time in milliseconds that `share` of the runs stayed within; 0 when there were none."""
        ordered = sorted(self.milliseconds)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def tally(cases: Iterable[Case]) -> dict[str, FilterStats]:
    """Filter → its record. Shadow findings do not count as firing."""
    stats: defaultdict[str, FilterStats] = defaultdict(FilterStats)
    for case in cases:
        for run in case.verdict.runs:
            stats[run.filter].ran += 1
            stats[run.filter].failed += run.error is not None
            stats[run.filter].milliseconds.append(run.milliseconds)
        stopped = [finding for finding in case.verdict.findings if not finding.shadow]
        fired = {finding.filter for finding in stopped if finding.decision is not Decision.ALLOW}
        for name in fired:
            stats[name].fired += 1
            stats[name].alone += len(fired) == 1
            stats[name].overruled += case.approved is True
            stats[name].confirmed += case.approved is False
        for finding in stopped:
            stats[finding.filter].categories[finding.category] += 1
    return dict(stats)
