"""A labelled text, whatever it came from."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One text with what is known about it; a head that is not in ``labels`` is unknown, and masked in training."""

    text: str
    source: str  # which data set
    labels: Mapping[str, float]  # head → 0 to 1
    guessed: frozenset[str] = frozenset()  # heads whose label comes from words, not from people: never examined on
