"""Word vectors from plain text, so that the network knows likeness between words before it sees a label.

Counts of words that stand near each other, weighed as positive pointwise mutual information and brought to a few
dimensions by a truncated SVD (Levy, Goldberg and Dagan, TACL 2015, with context distribution smoothing .75). That is a
minute's work on one core where training vectors by gradient would take an hour.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from moderation.echo.words import word_hash

_WINDOW = 5
_SMOOTHING = 0.75


def word_vectors(
    texts: Iterable[Sequence[str]], width: int, vocabulary: int, seed: int
) -> tuple[list[str], NDArray[np.float32]]:
    """The commonest words of ``texts``, commonest first, and a vector for each (rows of length 1)."""
    flat, words = _numbered(texts, vocabulary)
    counts = _near(flat, len(words))
    rows, columns, values = _ppmi(counts, len(words))
    torch.manual_seed(seed)
    matrix = torch.sparse_coo_tensor(
        torch.from_numpy(np.stack([rows, columns])),
        torch.from_numpy(values),
        (len(words), len(words)),
        check_invariants=True,
    ).coalesce()
    left, sizes, _ = torch.svd_lowrank(matrix, q=min(width + 16, len(words)), niter=3)
    found = (left[:, :width] * sizes[:width].sqrt()).numpy()
    if found.shape[1] < width:
        found = np.pad(found, ((0, 0), (0, width - found.shape[1])))
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return words, (found / np.maximum(lengths, 1e-6)).astype(np.float32)


def start_table(words: Sequence[str], vectors: NDArray[np.float32], rows: int, seed: int) -> NDArray[np.float32]:
    """A hashed table of words with these vectors in it; where two words share a row, the commoner's."""
    table = np.random.default_rng(seed).normal(0, 0.02, (rows, vectors.shape[1])).astype(np.float32)
    for place in range(len(words) - 1, -1, -1):
        table[word_hash(words[place]) % rows] = vectors[place]
    return table


def _numbered(texts: Iterable[Sequence[str]], vocabulary: int) -> tuple[NDArray[np.int32], list[str]]:
    """Texts end to end as numbers from 1, 0 for rare words and borders; and the words, commonest first."""
    numbers: dict[str, int] = {}
    parts = [np.array([numbers.setdefault(word, len(numbers)) for word in text] + [-1], np.int32) for text in texts]
    flat = np.concatenate(parts)
    often = np.bincount(flat[flat >= 0], minlength=len(numbers))
    kept = np.argsort(-often, kind="stable")[:vocabulary]
    kept = kept[often[kept] >= 3]
    new = np.zeros(len(numbers) + 1, np.int32)
    new[kept] = np.arange(1, len(kept) + 1)
    names = list(numbers)
    return new[flat], [names[place] for place in kept]


def _near(flat: NDArray[np.int32], size: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Pairs of words near each other as row × size + column, and how often, nearer pairs counting more."""
    keys, totals = np.zeros(0, np.int64), np.zeros(0, np.float32)
    for distance in range(1, _WINDOW + 1):
        left, right = flat[:-distance].astype(np.int64), flat[distance:].astype(np.int64)
        both = (left > 0) & (right > 0)
        found, often = np.unique((left[both] - 1) * size + right[both] - 1, return_counts=True)
        keys = np.concatenate([keys, found])
        totals = np.concatenate([totals, often.astype(np.float32) / distance])
    unique, places = np.unique(keys, return_inverse=True)
    return unique, np.bincount(places, totals).astype(np.float32)


def _ppmi(
    counts: tuple[NDArray[np.int64], NDArray[np.float32]], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    keys, values = counts
    rows = np.concatenate([keys // size, keys % size])
    columns = np.concatenate([keys % size, keys // size])
    values = np.concatenate([values, values])
    of_row = np.bincount(rows, values, minlength=size)
    of_column = np.bincount(columns, values, minlength=size) ** _SMOOTHING
    share = of_column / of_column.sum()
    ppmi = np.log(np.maximum(values, 1e-9) / (of_row[rows] * share[columns]))
    keep = (ppmi > 0) & (values > 0.5)
    return rows[keep], columns[keep], ppmi[keep].astype(np.float32)
