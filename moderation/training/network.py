"""The deep half of the classifier in torch, for training. :mod:`moderation.model.classifier` computes it in NumPy.

A word is the sum of two learned vectors, its own (hashed) and the mean of its pieces' (fastText, Bojanowski et al.,
TACL 2017); patterns of three words are looked for and pooled over the text (Kim, EMNLP 2014). Texts lie end to end, one
empty word apart, so nothing is padded.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from moderation.model.classifier import HEADS
from moderation.training.encode import Encoded, Ints, Sizes, rows_of

Values = dict[str, Tensor]  # weights by name


class Batch(NamedTuple):
    """Some texts, ready for the network."""

    words: Tensor  # hashed numbers of the different words
    present: Tensor  # 0 for "no word", 1 for the others
    pieces: Tensor  # hashed numbers of the pieces of all different words, end to end
    piece_offsets: Tensor
    places: Tensor  # for each place of the flat texts, which different word
    texts: Tensor  # and which text
    inside: Tensor  # 0 between texts, 1 in them
    lengths: Tensor  # words of each text


def batch_of(data: Encoded, chosen: Ints, sizes: Sizes, drop: float, chance: np.random.Generator) -> Batch:
    """The texts ``chosen``, with each word dropped with probability ``drop``."""
    lengths = data.lengths[chosen]
    spaced = lengths + 1  # an empty word after each text
    texts = np.repeat(np.arange(len(chosen)), spaced)
    inside = np.arange(len(texts)) - np.repeat(np.cumsum(spaced) - spaced, spaced)
    real = inside < lengths[texts]
    within = real.astype(np.float32)[:, None]
    at = np.where(real, data.starts[chosen][texts] + inside, 0)
    if drop:
        real &= chance.random(len(real)) >= drop
    words = np.where(real, data.words[at], 0)
    unique, places = np.unique(words, return_inverse=True)
    counts = data.piece_counts[unique]
    firsts = np.cumsum(data.piece_counts) - data.piece_counts
    offsets = np.cumsum(counts) - counts
    pieces = np.repeat(firsts[unique] - offsets, counts) + np.arange(counts.sum())
    return Batch(
        torch.from_numpy(rows_of(data.hashes[unique], sizes.words)),
        torch.from_numpy((unique > 0).astype(np.float32)[:, None]),
        torch.from_numpy(rows_of(data.piece_hashes[pieces], sizes.pieces)),
        torch.from_numpy(offsets),
        torch.from_numpy(places),
        torch.from_numpy(texts),
        torch.from_numpy(within),
        torch.from_numpy(lengths.astype(np.float32))[:, None],
    )


@dataclass(frozen=True)
class Deep:
    """Word vectors, patterns of three words, one hidden layer."""

    tables: Values
    dense: Values

    @classmethod
    def new(cls, sizes: Sizes, start: NDArray[np.float32] | None) -> "Deep":
        """One with random weights; ``start`` gives the table of words its first values."""
        read = 2 * sizes.filters + sizes.width
        tables = {
            "word": torch.randn(sizes.words, sizes.width) * 0.05 if start is None else torch.from_numpy(start.copy()),
            "piece": torch.randn(sizes.pieces, sizes.width) * 0.05,
        }
        dense = {
            "patterns.weight": _spread(sizes.filters, 3 * sizes.width),
            "patterns.bias": torch.zeros(sizes.filters),
            "hidden.weight": _spread(sizes.hidden, read),
            "hidden.bias": torch.zeros(sizes.hidden),
            "out.weight": _spread(len(HEADS), sizes.hidden),
            "out.bias": torch.zeros(len(HEADS)),
        }
        return cls(_learned(tables), _learned(dense))

    def logits(self, batch: Batch, dropout: float) -> Tensor:
        """What the patterns found most, found in all, and the mean word, through the hidden layer."""
        dense = self.dense
        pieces = functional.embedding_bag(batch.pieces, self.tables["piece"], batch.piece_offsets, mode="mean")
        flat = ((self.tables["word"][batch.words] + pieces) * batch.present)[batch.places]
        none = torch.zeros(1, flat.shape[1])
        around = torch.cat([torch.cat([none, flat[:-1]]), flat, torch.cat([flat[1:], none])], 1)
        found = torch.relu(around @ dense["patterns.weight"].T + dense["patterns.bias"]) * batch.inside
        most = torch.segment_reduce(found, "max", lengths=batch.lengths[:, 0].long() + 1)
        read = torch.cat([most, _total(found, batch) / _root(batch), _total(flat, batch) / _root(batch)], 1)
        read = functional.dropout(read, dropout, training=dropout > 0)
        hidden = torch.relu(read @ dense["hidden.weight"].T + dense["hidden.bias"])
        hidden = functional.dropout(hidden, dropout, training=dropout > 0)
        return hidden @ dense["out.weight"].T + dense["out.bias"]

    def predict(self, data: Encoded, chosen: Ints, sizes: Sizes) -> NDArray[np.float32]:
        """(texts, heads) logits of the rows ``chosen``."""
        chance = np.random.default_rng(0)
        with torch.no_grad():
            parts = [
                self.logits(batch_of(data, chosen[first : first + 1024], sizes, 0.0, chance), 0.0).numpy()
                for first in range(0, len(chosen), 1024)
            ]
        return np.concatenate(parts) if parts else np.zeros((0, len(HEADS)), np.float32)


def _learned(values: Values) -> Values:
    return {name: value.requires_grad_() for name, value in values.items()}


def _spread(rows: int, columns: int) -> Tensor:
    """Uniform in ± 1/√columns, as torch's own linear layers start."""
    return (torch.rand(rows, columns) * 2 - 1) / columns**0.5


def _total(each: Tensor, batch: Batch) -> Tensor:
    """Sums over each text."""
    return torch.zeros(len(batch.lengths), each.shape[1]).index_add(0, batch.texts, each)


def _root(batch: Batch) -> Tensor:
    return batch.lengths.clamp(min=1).sqrt()
