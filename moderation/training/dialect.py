"""Whom false alarms fall on: harmless African-American English beside other harmless texts of the same data set.

No row of the pool says how its author speaks, so that rows are told apart by spellings and grammar that are typical of
African-American English on Twitter (Blodgett, Green and O'Connor, EMNLP 2016). That finds few of them, and takes in
some that only mock it; slurs and swear words are no marks here. It is a measure of the classifier, never a part of it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moderation.model.classifier import HEADS
from moderation.training.measure import HOLD

_MARKS = re.compile(
    r"\b(?:finna|tryna|boutta|imma|iont|ain't|aint|talmbout|sholl|dat|dis|dem|dey|wit|bruh|yall|y'all|ya'll|homie|homies"
    r"|turnt|deadass|(?:he|she|it|they|we|you|who|people) be \w+in'?g?|(?:he|she|it) don't"
    r"|(?:don't|can't|dont|cant) (?:\w+ )?(?:nobody|nothing|nuffin|nothin|no more))\b"
)
_FEWEST = 20  # rows a side: with fewer nothing can be said


@dataclass(frozen=True, slots=True)
class Dialect:
    """False alarms on the harmless rows of one data set, with and without marks of African-American English."""

    source: str
    marked: int  # rows
    others: int
    marked_alarms: float  # share that reaches 0.6 on any head
    others_alarms: float


def is_marked(words: Sequence[str]) -> bool:
    """Whether a text shows a mark of African-American English; ``words`` are the classifier's."""
    return _MARKS.search(" ".join(words)) is not None


def by_dialect(
    texts: Sequence[Sequence[str]],
    labels: NDArray[np.float32],
    scores: NDArray[np.float32],
    sources: NDArray[np.str_],
) -> list[Dialect]:
    """Each data set with enough harmless rows of both kinds.

    ``labels`` are (texts, heads), NaN where unknown; rows that the data set holds for harmless are looked at.
    ``scores`` are calibrated, a column for each head or category.
    """
    found = []
    alarms = scores.max(axis=1, initial=0.0) >= HOLD
    harmless = labels[:, HEADS.index("tox")] == 0
    for source in sorted(set(sources.tolist())):
        here = np.flatnonzero(harmless & (sources == source))
        marked = np.array([is_marked(texts[place]) for place in here.tolist()], np.bool_)
        if min(marked.sum(), (~marked).sum()) >= _FEWEST:
            shares = float(alarms[here[marked]].mean()), float(alarms[here[~marked]].mean())
            found.append(Dialect(source, int(marked.sum()), int((~marked).sum()), *shares))
    return found
