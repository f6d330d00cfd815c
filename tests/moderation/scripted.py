"""Filters that do as they are told, for trying the gate: the failures are real, only their cause is arranged."""

import time
from collections.abc import Callable, Sequence

from moderation.context import Context
from moderation.normalise import Normalised
from moderation.verdict import Decision, Finding


class Scripted:
    """Answers with what a function makes of the text."""

    version = "7"

    def __init__(self, name: str, answer: Callable[[str], list[Finding]]) -> None:
        self.name = name
        self.calls = 0
        self._answer = answer

    def judge(self, text: Normalised, context: Context) -> list[Finding]:
        self.calls += 1
        return self._answer(text.original)


class ScriptedBatch(Scripted):
    """The same, many at once; a batch that holds the word "crash" fails as a whole."""

    def __init__(self, name: str, answer: Callable[[str], list[Finding]]) -> None:
        super().__init__(name, answer)
        self.batches = 0

    def judge_many(self, texts: Sequence[Normalised], context: Context) -> list[list[Finding]]:
        self.batches += 1
        return [self._answer(text.original) for text in texts]


def scored(category: str, score: float) -> Callable[[str], list[Finding]]:
    """Always this score."""
    return lambda text: [Finding("scorer", category, Decision.HOLD, "It may.", None, score)]


def found(category: str) -> Callable[[str], list[Finding]]:
    """Always found."""
    return lambda text: [Finding("finder", category, Decision.HOLD, "It does.")]


def nothing(text: str) -> list[Finding]:
    """Never found."""
    return []


def crash(text: str) -> list[Finding]:
    """Fails on texts that hold the word "crash"."""
    if "crash" in text:
        raise ValueError("it crashed")
    return []


def slow(text: str) -> list[Finding]:
    """Takes its time over texts that hold the word "slow"."""
    if "slow" in text:
        time.sleep(0.06)
    return []
