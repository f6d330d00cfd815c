"""The gate: every filter runs, the policy decides, the worst finding wins, and a failure holds the text."""

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from moderation.context import Context
from moderation.echo import EchoError, EchoIndex
from moderation.errors import FilterUnavailable, ModerationError
from moderation.filters.base import BatchFilter, Filter, LocalFilter, RemoteFilter
from moderation.normalise import Normalised, normalise
from moderation.policy import CLASSIFIED, Policy
from moderation.verdict import Decision, FilterRun, Finding, Verdict

log = logging.getLogger(__name__)

SLOW = 1.0  # seconds for one text; embedded filters are linear, so that one this slow is not well
FAILED = "filter-failed"  # the category of a finding that says a filter could not judge
_WORKERS = 8  # threads for filters that ask a server

Answer = tuple[list[Finding], FilterRun]


class Gate:
    """Judges texts. Thread-safe as far as its filters are; they keep no state between texts."""

    def __init__(self, filters: Sequence[Filter], policy: Policy, *, slow: float = SLOW) -> None:
        """`slow` is the seconds after which an embedded filter's answer no longer counts."""
        self.policy = policy
        self.filters = tuple(filters)
        self.alarms: set[tuple[str, str]] = set()  # (filter, kind of error) that were told already
        self._slow = slow
        self._policy_hash = policy.hash
        self._embedded = [each for each in self.filters if not isinstance(each, RemoteFilter)]
        self._remote = [each for each in self.filters if isinstance(each, RemoteFilter)]
        self._local = [each for each in self._embedded if isinstance(each, LocalFilter)]
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="gate") if self._remote else None

    @property
    def rules(self) -> str:
        """What is judged by: the policy's hash, and a mark of each owner's list; changes when one of them does."""
        return "+".join(filter(None, (self._policy_hash, *(each.rules for each in self._local))))

    def judge(self, text: str, context: Context = Context()) -> Verdict:  # noqa: B008 - frozen, so sharing is safe
        """The verdict on one text. Never raises for anything a text or a filter does."""
        return self.judge_many([text], context)[0]

    def judge_many(self, texts: Sequence[str], context: Context = Context()) -> list[Verdict]:  # noqa: B008 - frozen
        """One verdict for each text, in order; faster than one after the other."""
        rules = self.rules  # before anything is asked: a list that changes meanwhile makes the verdict an old one
        seen = [normalise(text) for text in texts]
        columns = [self._run(each, seen, context) for each in self._embedded]
        rows: Iterable[tuple[Answer, ...]] = zip(*columns, strict=True) if columns else [()] * len(seen)
        always = context.role != "prompt" and self.policy.reviews_always(context)
        empty = Verdict(Decision.ALLOW, policy=rules)
        verdicts = [self._sum(answers, context, empty, always=always) for answers in rows]
        return verdicts if self._pool is None else self._ask_outside(self._pool, seen, verdicts, context)

    def has_rules_for(self, server: str | None) -> bool:
        """Whether somebody has made rules for this server alone."""
        return any(each.has_rules_for(server) for each in self._local)

    def suits(self, text: str, context: Context) -> bool:
        """Whether a text that is allowed on its platform is allowed on this server too.

        Asks only the filters that have rules for this server alone, which takes no time where there are none.
        """
        asked = [each for each in self._local if each.has_rules_for(context.server)]
        if not asked:
            return True
        seen = normalise(text)
        answers = [self._run_one(each, seen, context) for each in asked]
        return self._sum(answers, context, Verdict(Decision.ALLOW)).decision is Decision.ALLOW

    def refresh(self) -> None:
        """Let filters read again what has changed. What cannot be read is logged, and the old stays in force."""
        for each in self.filters:
            refresh = getattr(each, "refresh", None)
            try:
                if refresh is not None and refresh():
                    log.info("The filter %s has read its list again.", each.name, extra={"action": "filter-refreshed"})
            except ModerationError as error:
                log.error("%s The list from before stays in force.", error, extra={"action": "filter-stale"})

    def close(self) -> None:
        """Let go of the threads and of what the filters hold open."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        for each in self.filters:
            close = getattr(each, "close", None)
            if close is not None:
                close()

    def _run(self, each: Filter, texts: Sequence[Normalised], context: Context) -> list[Answer]:
        """One filter's answers; a batch that fails is asked again text by text, so that only the culprit is held."""
        if len(texts) > 1 and isinstance(each, BatchFilter):
            began = perf_counter()
            try:
                found = each.judge_many(texts, context)
            except Exception as error:  # noqa: BLE001 - whatever it was, the texts are judged again one by one
                log.debug("A batch failed in %s: %s", each.name, error)
            else:
                spent = (perf_counter() - began) / len(texts)
                if len(found) == len(texts):
                    return [self._answer(each, findings, spent, self._slow) for findings in found]
        return [self._run_one(each, text, context) for text in texts]

    def _run_one(self, each: Filter, text: Normalised, context: Context) -> Answer:
        began = perf_counter()
        try:
            findings = each.judge(text, context)
        except Exception as error:  # noqa: BLE001 - fail closed: any failure of a filter holds the text
            return self._failed(each, type(error).__name__, str(error), perf_counter() - began)
        return self._answer(each, findings, perf_counter() - began, self._slow)

    def _answer(self, each: Filter, findings: list[Finding], seconds: float, limit: float) -> Answer:
        if seconds > limit:
            return self._failed(each, "FilterTimeout", f"took {seconds:.1f} s, more than {limit:g} s", seconds)
        return findings, FilterRun(each.name, each.version, round(seconds * 1000, 4))

    def _failed(self, each: Filter, kind: str, why: str, seconds: float) -> Answer:
        """A finding that holds the text, a run that says why, and an alarm the first time."""
        alarm = (each.name, kind)
        if alarm not in self.alarms:
            self.alarms.add(alarm)
            log.error(
                "The filter %s fails (%s: %s); every text it cannot judge is held for a person.",
                each.name,
                kind,
                why,
                extra={"action": "filter-failed", "filter": each.name, "kind": kind},
            )
        reason = f"The {each.name} filter could not judge this text, so that a person has to."
        finding = Finding(each.name, FAILED, Decision.HOLD, reason)
        return [finding], FilterRun(each.name, each.version, round(seconds * 1000, 4), f"{kind}: {why}")

    def _ask_outside(
        self, pool: ThreadPoolExecutor, texts: Sequence[Normalised], verdicts: list[Verdict], context: Context
    ) -> list[Verdict]:
        """Ask the servers about the texts that are not blocked already, all at once, each within its time."""
        began = perf_counter()
        asked: list[tuple[int, Filter, float, Future[list[Finding]]]] = [
            (row, each, each.timeout, pool.submit(each.judge, text, context))
            for row, text in enumerate(texts)
            if verdicts[row].decision is not Decision.BLOCK
            for each in self._remote
        ]
        answers: dict[int, list[Answer]] = {}
        for place, (row, each, timeout, future) in enumerate(asked):
            queue = 1 + place // _WORKERS  # texts beyond the threads wait their turn
            left = began + timeout * queue - perf_counter()
            answers.setdefault(row, []).append(self._await(each, future, max(left, 0.0), began))
        return [
            self._sum(answers[row], context, verdict) if row in answers else verdict
            for row, verdict in enumerate(verdicts)
        ]

    def _await(self, each: Filter, future: Future[list[Finding]], seconds: float, began: float) -> Answer:
        try:
            findings = future.result(timeout=seconds)
        except TimeoutError:
            future.cancel()
            return self._failed(each, "FilterTimeout", "gave no answer in time", perf_counter() - began)
        except Exception as error:  # noqa: BLE001 - fail closed: any failure of a filter holds the text
            return self._failed(each, type(error).__name__, str(error), perf_counter() - began)
        return findings, FilterRun(each.name, each.version, round((perf_counter() - began) * 1000, 4))

    def _sum(self, answers: Sequence[Answer], context: Context, base: Verdict, *, always: bool = False) -> Verdict:
        """What the policy makes of all answers, on top of an earlier verdict; `always` adds that a person looks."""
        kept: list[Finding] = list(base.findings)
        runs = [*base.runs, *(run for _, run in answers)]
        scores: dict[str, float] = dict(base.scores)
        for findings, _ in answers:
            for finding in findings:
                if finding.category == FAILED:
                    kept.append(finding)
                    continue
                if finding.score is not None and finding.category in CLASSIFIED:
                    scores[finding.category] = max(finding.score, scores.get(finding.category, 0.0))
                kept += self._decided(finding, context)
        if always:
            reason = f"Every text for {context.platform} is looked at by a person first."
            kept.append(Finding("policy", "always-review", Decision.HOLD, reason))
        worst = max((finding.decision.severity for finding in kept if not finding.shadow), default=0)
        return Verdict(_DECISIONS[worst], tuple(kept), tuple(runs), scores, base.policy)

    def _decided(self, finding: Finding, context: Context) -> list[Finding]:
        """The finding with the policy's decision, unless that is allow; and what a shadow rule would have said."""
        told: list[Finding] = []
        decision, threshold = self.policy.decide(finding.category, finding.score, context)
        if decision is not Decision.ALLOW:
            told.append(replace(finding, decision=decision, threshold=threshold))
        if not self.policy.shadow:
            return told
        shadow = self.policy.shadow_decision(finding.category, finding.score)
        if shadow is not None and shadow[0] not in (Decision.ALLOW, decision):
            told.append(replace(finding, decision=shadow[0], threshold=shadow[1], shadow=True))
        return told


_DECISIONS = tuple(Decision)


class Absent:
    """Stands where a filter should be that cannot run here, so that every text is held until it can."""

    version = "absent"

    def __init__(self, name: str, why: str) -> None:
        """`why` is one sentence for people: what is missing and how to mend it."""
        self.name = name
        self.why = why

    def judge(self, text: Normalised, context: Context) -> list[Finding]:
        """Always raises FilterUnavailable."""
        raise FilterUnavailable(self.why)


def default_gate(
    policy: Policy | None = None,
    *,
    echo: EchoIndex | Path | None = None,
    wordlist_file: Path | None = None,
    authors: Path | None = None,
    extra: Sequence[Filter] = (),
) -> Gate:
    """The embedded filters, which need no network, and whatever the caller adds.

    `echo` is an adapter's echo index or its folder; `wordlist_file` the owner's word list; `authors` the
    adapter's list of those who wrote the corpus; `extra` further filters, such as the bot's own past posts or a server
    that judges.

    Raises:
        WordlistError: the owner's word list cannot be read. A missing model does not raise: it holds every text.
    """
    from moderation.filters.minors import MinorsFilter
    from moderation.filters.selfharm import SelfHarmFilter
    from moderation.filters.shape import ShapeFilter
    from moderation.filters.wordlist import WordlistFilter

    policy = policy or Policy.default()
    filters: list[Filter] = [
        ShapeFilter(policy.shape),
        WordlistFilter.load(wordlist_file),
        _personal(authors, policy),
        MinorsFilter(),
        SelfHarmFilter(),
        _classifier(),
    ]
    filters += _echo(echo)
    return Gate([*filters, *extra], policy)


def _personal(authors: Path | None, policy: Policy) -> Filter:
    from moderation.filters.names import NameBook
    from moderation.filters.personal import PersonalFilter

    try:
        return PersonalFilter(authors=NameBook.load(authors) if authors is not None else None, people=policy.people)
    except FilterUnavailable as error:
        return Absent(PersonalFilter.name, str(error))


def _classifier() -> Filter:
    from moderation.filters.classifier import ClassifierFilter

    try:
        return ClassifierFilter.open()
    except FilterUnavailable as error:
        return Absent("classifier", str(error))


def _echo(echo: EchoIndex | Path | None) -> list[Filter]:
    from moderation.filters.echo import EchoFilter

    if echo is None:
        return []
    try:
        return [EchoFilter(EchoIndex.open(echo) if isinstance(echo, Path) else echo)]
    except EchoError as error:
        return [Absent("echo", str(error))]
