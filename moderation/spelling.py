"""Mending words that were stretched, starred or spelt in leet, by a vocabulary: which word did they mean?

The vocabulary was counted in texts written for this project (see `moderation.training.vocabulary`). It decides between
readings of a word that is hidden already; a word that nobody touched is never changed by it.
"""

import json
import re
from collections import defaultdict
from collections.abc import Set
from functools import cache
from importlib import resources
from itertools import groupby

_RUN = re.compile(r"(.)\1+")


@cache
def vocabulary() -> dict[str, int]:
    """Known words, each with its rank: 0 is the most frequent."""
    words: list[str] = json.loads(resources.files("moderation").joinpath("vocabulary.json").read_text("utf-8"))
    return {word: rank for rank, word in enumerate(words)}


@cache
def _by_letters() -> dict[str, list[str]]:
    """A word with every letter once in a row → the words it may be, frequent ones first."""
    found = defaultdict(list)
    for word in vocabulary():
        found[_RUN.sub(r"\1", word)].append(word)
    return dict(found)


@cache
def _by_frame() -> dict[tuple[int, str], list[str]]:
    """(length, first letter) → the words, frequent ones first."""
    found = defaultdict(list)
    for word in vocabulary():
        found[len(word), word[0]].append(word)
    return dict(found)


@cache
def _by_strokes() -> dict[str, list[str]]:
    """A word with every l an i → the words it may be, frequent ones first."""
    found = defaultdict(list)
    for word in vocabulary():
        found[word.replace("l", "i")].append(word)
    return dict(found)


def settled(token: str, bars: Set[int]) -> str:
    """The word with an i or an l at the places of bare strokes, whichever makes a known word; else as it is."""
    for word in _by_strokes().get(token.replace("l", "i"), ()):
        if all(seen == letter or place in bars for place, (seen, letter) in enumerate(zip(token, word, strict=True))):
            return word
    return token


def runs(token: str) -> list[int]:
    """How often each letter stands in a row."""
    return [len(list(group)) for _, group in groupby(token)]


def unstretched(token: str) -> list[int]:
    """How often each letter of a stretched word should stand in a row: as in the word it may be, else once.

    Only runs of three and more are stretched; the others stay.
    """
    held = runs(token)
    for word in _by_letters().get(_RUN.sub(r"\1", token), ()):
        meant = runs(word)
        if all(want == have or (have > 2 and want < have) for want, have in zip(meant, held, strict=True)):
            return meant
    return [1 if have > 2 else have for have in held]


def unmasked(token: str, masks: frozenset[str]) -> str | None:
    """The most frequent word of which a token hides some letters behind `masks`; None when there is none."""
    for word in _by_frame().get((len(token), token[0]), ()):
        if all(seen == letter or seen in masks for seen, letter in zip(token, word, strict=True)):
            return word
    return None


def likeliest(words: list[str]) -> str | None:
    """The most frequent of some words; None when none is known."""
    known = vocabulary()
    return min((word for word in words if word in known), key=lambda word: known[word], default=None)
