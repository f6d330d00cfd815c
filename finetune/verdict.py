"""What a run's numbers mean, in plain sentences, worst first."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STOPPED_ENOUGH = 0.99
FEW = 0.02  # copied samples that chance and stock phrases explain


@dataclass(frozen=True, slots=True)
class Remark:
    """One sentence and how serious it is."""

    grade: str  # "bad", "careful", "note", "good"
    text: str


def remarks(metrics: Mapping[str, Any], max_copy: float) -> list[Remark]:
    """Everything worth saying, the serious things first."""
    before, after, samples = metrics["before"]["loss"], metrics["after"]["loss"], metrics["samples"]
    found = [_learning(before, after), _copying(samples["copied"], max_copy), _stopping(samples["stopped"])]
    topics = metrics.get("topics")
    if topics:
        found.append(_topics(topics["followed"], topics["by_chance"]))
    if samples["length_gap"] > 0.3:
        found.append(
            Remark("careful", f"Its posts are not as long as the real ones (distance {samples['length_gap']:.2f}).")
        )
    grades = ["bad", "careful", "good", "note"]
    return sorted(found, key=lambda remark: grades.index(remark.grade))


def headline(found: list[Remark]) -> str:
    """The whole verdict in a few words."""
    return {
        "bad": "Not ready to speak yet.",
        "careful": "It speaks; keep an eye on it.",
        "good": "It has learned the voice, and keeps its own words.",
    }[found[0].grade]


def _learning(before: float, after: float) -> Remark:
    gain = before - after
    numbers = f"held-out loss {before:.3f} → {after:.3f} nats a token"
    if gain <= 0:
        return Remark("bad", f"It learned nothing that holds for posts it has not seen: {numbers}.")
    if gain < 0.05:
        return Remark("careful", f"It learned little: {numbers}.")
    return Remark("good", f"It finds posts it never saw {_percent(1 - math.exp(-gain))} less surprising: {numbers}.")


def _copying(copied: float, max_copy: float) -> Remark:
    text = f"{_percent(copied, 1) if copied else 'None'} of its fresh posts repeat most of a post it was taught"
    if copied > max_copy:
        return Remark("bad", f"{text}, above the limit of {_percent(max_copy)}: train less, or on more posts.")
    return Remark("careful" if copied > FEW else "good", f"{text}.")


def _stopping(stopped: float) -> Remark:
    share = _percent(stopped, 1)
    if stopped >= STOPPED_ENOUGH:
        return Remark("good", f"{share if stopped < 1 else 'All'} of its posts end by themselves.")
    text = f"Only {share} of its posts end by themselves ({_percent(STOPPED_ENOUGH)} are wanted)"
    return Remark("bad", f"{text}; the rest is thrown away: train longer, or raise max_tokens.")


def _topics(followed: float, chance: float) -> Remark:
    text = f"Asked for a topic, {_percent(followed)} of its posts name it ({_percent(chance)} do when not asked)."
    return Remark("good" if followed > 2 * chance and followed > 0.2 else "note", text)


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"
