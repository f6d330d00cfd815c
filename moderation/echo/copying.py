"""How much of what an adapter says it copies from its training rows.

Two numbers. The share of the samples' 8-word sequences that stand in the training rows word for word follows McCoy et
al., "How much do language models copy from their training data?" (TACL 2023). The share of samples of which one row
accounts for most follows the near-copy rule of Lee et al., "Deduplicating training data makes language models better"
(ACL 2022), with a lower bar, because posts are short.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from moderation.echo.compare import RUN, runs
from moderation.echo.index import EchoIndex
from moderation.echo.words import Words, split

COPIED = 0.6  # a sample with a copied span of this share of its words counts as copied
_SHORTEST = 4  # words of a copied span: three words in a row are nobody's
_COMPARED = 24  # rows compared for one sample


@dataclass(frozen=True, slots=True)
class Copied:
    """One sample and the row it copies most of."""

    sample: str
    row: str
    share: float  # the copied span's share of the sample's words
    span: str  # the copied words


@dataclass(frozen=True, slots=True)
class CopyRate:
    """How much some samples copy."""

    samples: int  # with at least one word
    ngram_share: float  # share of the samples' 8-word sequences that stand in a row; 0 when there is none
    copied_share: float  # share of samples with a copied span of at least 60 % of their words
    worst: tuple[Copied, ...]  # samples with the largest copied shares, at most ten, worst first

    def to_json(self) -> dict[str, Any]:
        """Plain dict for a report or a card."""
        return asdict(self) | {"worst": [asdict(each) for each in self.worst]}


def copy_rate(samples: Iterable[str], index: EchoIndex) -> CopyRate:
    """Measure how much of ``samples`` stands word for word in the rows of ``index``.

    A copied span is a run of at least four words that a row has in the same order without a gap.
    """
    total = copied = grams = found_grams = 0
    worst: list[Copied] = []
    for sample in samples:
        words = split(sample)
        if not words.words:
            continue
        total += 1
        found, best = _copies(words, sample, index)
        grams += max(0, len(words) - RUN + 1)
        found_grams += found
        if best is not None:
            copied += best.share >= COPIED
            worst = sorted([*worst, best], key=lambda each: -each.share)[:10]
    return CopyRate(total, found_grams / grams if grams else 0.0, copied / total if total else 0.0, tuple(worst))


def _copies(words: Words, sample: str, index: EchoIndex) -> tuple[int, Copied | None]:
    """How many of a sample's 8-word sequences are copied, and its longest copied span."""
    starts: set[int] = set()
    best: Copied | None = None
    for number, _ in index.candidates([words], _COMPARED)[0]:
        row = index.row(number)
        for start, length in runs(words.words, split(row).words, _SHORTEST):
            starts.update(range(start, start + length - RUN + 1))
            if best is None or length / len(words) > best.share:
                span = sample[words.spans[start][0] : words.spans[start + length - 1][1]]
                best = Copied(sample, row, length / len(words), span)
    return len(starts), best
