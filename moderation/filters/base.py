"""What every filter is: a name, a version, and one question asked of a text."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from moderation.context import Context
from moderation.normalise import Normalised
from moderation.verdict import Finding


@runtime_checkable
class Filter(Protocol):
    """One question asked of a text. Pure: same text, same answer; no I/O after construction.

    A filter names categories and scores; the *decision* inside each finding comes from the policy, which the
    gate applies afterwards. A filter that measures returns a finding for every category with its score, however
    low: the gate copies the scores into the verdict and keeps only the findings that the policy does not allow.
    A filter that raises holds the text (the gate sees to it).
    """

    name: str
    version: str

    def judge(self, text: Normalised, context: Context) -> list[Finding]:
        """What this filter has to say of the text; an empty list when nothing."""
        ...


@runtime_checkable
class BatchFilter(Filter, Protocol):
    """A filter that is faster on many texts at once than on one after the other."""

    def judge_many(self, texts: Sequence[Normalised], context: Context) -> list[list[Finding]]:
        """One list of findings for each text, in order; the same findings as `judge` gives."""
        ...


@runtime_checkable
class LocalFilter(Filter, Protocol):
    """A filter with rules of its own that people change while the bot runs, some of them for one server alone."""

    rules: str  # changes when rules that count on every server do; empty without any

    def has_rules_for(self, server: str | None) -> bool:
        """Whether it may judge otherwise on this server than without one."""
        ...


@runtime_checkable
class RemoteFilter(Filter, Protocol):
    """A filter that asks something outside this process: the gate gives it a thread and a time limit."""

    timeout: float  # seconds, all in all
