"""Removing rows that say the same: within the pool, and between what is learned from and what is examined."""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_HELD_BACK = 20  # one text in so many
_SHINGLE = 6  # words
_SHARED = 0.6  # of a row's shingles


def first_of_each(texts: Sequence[Sequence[str]]) -> list[int]:
    """Places of the texts that have words and say what no earlier one says word for word."""
    seen: dict[tuple[str, ...], int] = {}
    for place, text in enumerate(texts):
        if text:
            seen.setdefault(tuple(text), place)
    return list(seen.values())


def held_back(texts: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
    """Which texts nothing is ever trained on: one in twenty, by a hash of the words, so that anybody can tell again."""
    return np.array([zlib.crc32(" ".join(text).encode("utf-8", "replace")) % _HELD_BACK == 0 for text in texts], bool)


def without_echoes(
    texts: Sequence[Sequence[str]], learned: NDArray[np.int64], examined: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The rows of ``learned`` that share less than 60 % of their six-word shingles with ``examined`` rows."""
    known = {shingle for place in examined for shingle in _shingles(texts[place])}
    kept = []
    for place in learned:
        own = _shingles(texts[place])
        if not own or sum(shingle in known for shingle in own) < _SHARED * len(own):
            kept.append(place)
    return np.array(kept, np.int64)


def _shingles(text: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(text[start : start + _SHINGLE]) for start in range(len(text) - _SHINGLE + 1)]
