"""Thresholds from the owner's own numbers: by a budget on harmless texts, or by what moderators reject.

By budget: a Neyman-Pearson choice. Of texts known to be fine, at most a given share may be held; within that, the
classifier's thresholds go as low as they can, each category giving up the same number of texts.

By reviewers: conformal risk control for one number (Vovk et al., Algorithmic Learning in a Random World, 2005). Each
text has a risk, its worst score relative to its threshold. With the m-th smallest risk of n rejected texts as the
limit, a new text that moderators would reject passes with probability at most m / (n + 1).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from moderation.context import Context
from moderation.errors import CalibrationError
from moderation.gate import Gate
from moderation.policy import CLASSIFIED, Policy, Rule
from moderation.record import Case
from moderation.verdict import Decision, Verdict

FLOOR, CEILING = 0.05, 0.999  # a threshold outside is no threshold
MIN_TEXTS = 100
MIN_DECISIONS = 50
MIN_REJECTED = 10
_CHUNK = 512  # texts judged between two reports of progress
_STEPS = 10_000  # thresholds are multiples of 1 / this


@dataclass(frozen=True, slots=True)
class Point:
    """One choice on the curve."""

    scale: float  # all hold thresholds times this
    held: float  # share of the good texts that would be held
    missed: float | None = None  # share of the rejected texts that would pass; unknown when nobody rejected any


@dataclass(frozen=True, slots=True)
class Calibration:
    """The thresholds found, and what they rest on."""

    rules: dict[str, Rule]
    source: str  # "corpus" or "reviewers"
    rows: int  # texts it rests on
    target: float  # the share asked for
    reached: float  # the share these thresholds give on those texts
    curve: tuple[Point, ...]
    remarks: tuple[str, ...] = ()  # sentences for people


def by_budget(
    gate: Gate,
    texts: Sequence[str],
    *,
    budget: float,
    context: Context = Context(),  # noqa: B008 - frozen, so sharing is safe
    progress: Callable[[int], None] = lambda done: None,
) -> Calibration:
    """Thresholds under which at most `budget` (0 to 1) of `texts`, all known to be fine, is held.

    Raises:
        CalibrationError: too few texts, or more than the budget are held whatever the thresholds.
    """
    if len(texts) < MIN_TEXTS:
        raise CalibrationError(f"There are {len(texts)} texts to calibrate on; at least {MIN_TEXTS} are needed.")
    verdicts: list[Verdict] = []
    for start in range(0, len(texts), _CHUNK):
        verdicts += gate.judge_many(texts[start : start + _CHUNK], context)
        progress(len(verdicts))
    rest = [verdict for verdict in verdicts if not _stopped_elsewhere(verdict)]
    elsewhere = len(verdicts) - len(rest)
    allowed = math.floor(budget * len(texts)) - elsewhere
    if allowed < 0:
        share = elsewhere / len(texts)
        raise CalibrationError(
            f"Filters without a threshold hold {share:.1%} of these texts already, more than {budget:.1%}; "
            "see which with `confess gate stats`, and loosen them or let words through first."
        )
    scores = {name: sorted((v.scores.get(name, 0.0) for v in rest), reverse=True) for name in CLASSIFIED}

    def held(given_up: int) -> int:
        limits = _limits(scores, given_up)
        return sum(any(v.scores.get(name, 0.0) >= limits[name] for name in CLASSIFIED) for v in rest)

    if held(0) > allowed:
        raise CalibrationError(
            f"{held(0)} of these texts score so high that no threshold lets them through; "
            "look at them with `confess corpus check`: perhaps they are not fine."
        )
    given_up = _largest(lambda count: held(count) <= allowed, allowed)
    limits = _limits(scores, given_up)
    blocks = _limits(scores, given_up // 20)
    rules = {name: _rule(limits[name], blocks[name], gate.policy.rule(name, context)) for name in CLASSIFIED}
    total = elsewhere + held(given_up)
    curve = tuple(_budget_point(rest, limits, factor, elsewhere, len(texts)) for factor in _FACTORS)
    remarks = [f"{elsewhere} of {len(texts)} texts are held by filters without a threshold."] if elsewhere else []
    if any(limit <= FLOOR for limit in limits.values()):
        remarks.append(f"A threshold would go under {FLOOR}, where a score means nothing; it stays there.")
    return Calibration(rules, "corpus", len(texts), budget, total / len(texts), curve, tuple(remarks))


_FACTORS = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)


def _budget_point(
    verdicts: Sequence[Verdict], limits: dict[str, float], factor: float, elsewhere: int, total: int
) -> Point:
    held = sum(any(v.scores.get(name, 0.0) >= limits[name] * factor for name in CLASSIFIED) for v in verdicts)
    return Point(factor, (held + elsewhere) / total)


def _stopped_elsewhere(verdict: Verdict) -> bool:
    """Whether a finding that has no score of the classifier's holds or blocks the text."""
    return any(
        not finding.shadow and finding.decision is not Decision.ALLOW and finding.filter != "policy"
        for finding in verdict.findings
        if finding.category not in CLASSIFIED or finding.score is None
    )


def _limits(scores: dict[str, list[float]], given_up: int) -> dict[str, float]:
    """For each category the lowest threshold that `given_up` texts reach."""
    limits = {}
    for name, ordered in scores.items():
        first_free = ordered[given_up] if given_up < len(ordered) else 0.0
        limit = (math.floor(first_free * _STEPS) + 1) / _STEPS
        limits[name] = min(max(limit, FLOOR), CEILING)
    return limits


def _largest(fits: Callable[[int], bool], most: int) -> int:
    """The largest count from 0 to `most` that fits; counts that fit come before those that do not."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _rule(hold: float, block: float, now: Rule | None) -> Rule:
    """A rule with a new hold threshold; it blocks no sooner than before, and never sooner than it holds."""
    present = now.block if now is not None else None
    return Rule(hold=round(hold, 4), block=round(min(max(block, hold, present or 0.9), CEILING), 4))


def by_reviewers(cases: Sequence[Case], policy: Policy, *, miss: float) -> Calibration:
    """Thresholds that let through at most `miss` (0 to 1) of what moderators would reject.

    Raises:
        CalibrationError: too few decisions, or too few rejections among them.
    """
    decided = [case for case in cases if case.approved is not None]
    rejected = sorted(risk(case, policy) for case in decided if not case.approved)
    good = [risk(case, policy) for case in decided if case.approved]
    if len(decided) < MIN_DECISIONS or len(rejected) < MIN_REJECTED:
        raise CalibrationError(
            f"There are {len(decided)} decisions of reviewers, {len(rejected)} of them no; at least {MIN_DECISIONS} "
            f"and {MIN_REJECTED} are needed. Until then calibrate by your corpus: confess gate calibrate FILE."
        )
    remarks = [
        "Reviewers saw only what the gate held, so that this says nothing of texts that were never held."
        if all(case.verdict.decision is not Decision.ALLOW for case in decided)
        else "These decisions include texts that the gate allowed."
    ]
    rank = math.floor(miss * (len(rejected) + 1))
    if rank < 1:
        rank = 1
        remarks.append(
            f"{len(rejected)} rejections can promise 1 in {len(rejected) + 1} at best; this is that promise."
        )
    limit = rejected[rank - 1]
    scale = limit if math.isfinite(limit) else 1.0
    if not math.isfinite(limit):
        remarks.append("Other filters stop what reviewers reject, so that the thresholds stay as they are.")
    if scale == 0:
        remarks.append("Some rejected texts have no score at all; no threshold would stop them.")
    rules = {}
    for name in CLASSIFIED:
        now = policy.rule(name, Context())
        hold = (now.hold if now is not None and now.hold is not None else 0.5) * scale
        rules[name] = _rule(min(max(hold, FLOOR), CEILING), 0.0, now)
    passed = sum(value < scale for value in rejected) / len(rejected)
    curve = tuple(_reviewer_point(rejected, good, share) for share in _SHARES)
    return Calibration(rules, "reviewers", len(decided), miss, passed, curve, tuple(remarks))


_SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)


def _reviewer_point(rejected: list[float], good: list[float], share: float) -> Point:
    scale = rejected[min(math.floor(share * len(rejected)), len(rejected) - 1)]
    held = sum(value >= scale for value in good) / len(good) if good else 0.0
    return Point(scale, held, sum(value < scale for value in rejected) / len(rejected))


def risk(case: Case, policy: Policy) -> float:
    """The worst score relative to its hold threshold: 1 is just held. Infinite when another filter stops the text."""
    if _stopped_elsewhere(case.verdict):
        return math.inf
    risks = [0.0]
    for name, score in case.verdict.scores.items():
        rule = policy.rule(name, Context())
        if rule is not None and rule.hold:
            risks.append(score / rule.hold)
    return max(risks)
