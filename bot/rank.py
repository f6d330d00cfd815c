"""Which of several judged texts is best? A small protocol, since a learned ranker may come later."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from rapidfuzz import fuzz, process

from generation.generator import Generated
from moderation.verdict import Verdict

COPIES = frozenset({"echo", "repeat"})  # filters whose score is how much of the text was there before


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text and what the gate says of it."""

    generated: Generated
    verdict: Verdict


class Ranker(Protocol):
    """Puts candidates in order. Pure: the same candidates in any order come back in the same order."""

    def rank(self, candidates: Sequence[Candidate], said: Sequence[str]) -> list[Candidate]:
        """The candidates, best first; ``said`` are the bot's own recent posts."""
        ...


@dataclass(frozen=True, slots=True)
class DefaultRanker:
    """A weighted sum of four plain measures.

    Likelihood alone prefers the dull and the repeated ("the likelihood trap", Zhang et al. 2020, arXiv:2004.10450),
    hence the other three. The weights are judgement, not measurement: a text must be about one nat a token more
    likely to make up for saying half its word pairs twice.
    """

    likelihood: float = 1.0  # a nat of mean log-probability
    distinctness: float = 2.0  # share of word pairs that are new in the text itself (distinct-2, arXiv:1510.03055)
    novelty: float = 2.0  # 1 minus the overlap with a row of the corpus
    freshness: float = 2.0  # 1 minus the likeness to the most alike of the bot's own posts

    def rank(self, candidates: Sequence[Candidate], said: Sequence[str]) -> list[Candidate]:
        """Best first; equal scores are ordered by text and seed, so that the order never depends on the input's."""
        return sorted(candidates, key=lambda each: (-self.score(each, said), each.generated.text, each.generated.seed))

    def score(self, candidate: Candidate, said: Sequence[str]) -> float:
        """The sum; more is better. Only differences mean something."""
        text = candidate.generated
        return math.fsum(
            (
                self.likelihood * text.logprob / max(1, text.tokens),
                self.distinctness * distinct_pairs(text.text),
                self.novelty * (1 - overlap(candidate.verdict)),
                self.freshness * (1 - likeness(text.text, said)),
            )
        )


def distinct_pairs(text: str) -> float:
    """Share of neighbouring word pairs that are not said before in the same text; 1 for fewer than two pairs."""
    pairs = list(pairwise(text.casefold().split()))
    return len(set(pairs)) / len(pairs) if pairs else 1.0


def overlap(verdict: Verdict) -> float:
    """How much of the text the copy filters found elsewhere: 0 none, 1 all."""
    return max((finding.score or 0.0 for finding in verdict.findings if finding.filter in COPIES), default=0.0)


def likeness(text: str, said: Sequence[str]) -> float:
    """Likeness to the nearest of ``said``: 0 to 1, by the longest common subsequence (RapidFuzz's ``ratio``)."""
    if not said:
        return 0.0
    return float(process.extractOne(text, said, scorer=fuzz.ratio)[1]) / 100
