"""From rows to arrays: words as numbers, and each word's hashed pieces."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moderation.echo.words import word_hash
from moderation.model.classifier import HEADS
from moderation.model.tokens import pieces, tokens
from moderation.normalise import normalise
from moderation.training.clean import first_of_each
from moderation.training.rows import Row

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Sizes:
    """How many rows the hashed tables have, and how wide things are; all decide the size of the weights."""

    words: int = 1 << 15  # rows of the deep half's table of words
    pieces: int = 1 << 15  # and of its table of character pieces
    wide_words: int = 1 << 17  # rows of the wide half's table of words and word pairs
    wide_pieces: int = 1 << 17  # and of its table of pieces
    width: int = 32  # numbers a word is
    filters: int = 96  # patterns of three words looked for
    hidden: int = 64  # units between patterns and heads


@dataclass(frozen=True)
class Encoded:
    """Texts as arrays. Word 0 is no word: it separates texts, and stands for a dropped one."""

    words: Ints  # every text's words, end to end
    lengths: Ints
    labels: NDArray[np.float32]  # (texts, heads), NaN where unknown
    guessed: NDArray[np.bool_]  # (texts, heads), where the label comes from words and not from people
    sources: NDArray[np.str_]
    hashes: Hashes  # of each word, by its number
    piece_hashes: Hashes  # of all words' pieces, end to end
    piece_counts: Ints  # how many each word has

    @property
    def starts(self) -> Ints:
        """Where each text starts in ``words``."""
        return np.cumsum(self.lengths) - self.lengths


def split_rows(rows: Sequence[Row]) -> tuple[list[Row], list[list[str]]]:
    """The rows that have words and say what no earlier one does, and the words of each, as the gate reads them."""
    texts = [tokens(normalise(row.text)) for row in rows]
    kept = first_of_each(texts)
    return [rows[place] for place in kept], [texts[place] for place in kept]


def encode(rows: Sequence[Row], texts: Sequence[list[str]], sizes: Sizes) -> Encoded:
    """Number the words of ``texts``, which are the words of ``rows``."""
    numbers: dict[str, int] = {}
    words = np.array([numbers.setdefault(word, len(numbers) + 1) for text in texts for word in text], np.int64)
    lengths = np.array([len(text) for text in texts], np.int64)
    hashes = np.array([0, *map(word_hash, numbers)], np.uint64)
    of_each = [np.zeros(0, np.uint64)] + [np.array(pieces(word), np.uint64) for word in numbers]
    labels = np.full((len(rows), len(HEADS)), np.nan, np.float32)
    guessed = np.zeros(labels.shape, bool)
    for place, row in enumerate(rows):
        for head, label in row.labels.items():
            labels[place, HEADS.index(head)] = label
            guessed[place, HEADS.index(head)] = head in row.guessed
    sources = np.array([row.source for row in rows])
    counts = np.array([len(each) for each in of_each], np.int64)
    return Encoded(words, lengths, labels, guessed, sources, hashes, np.concatenate(of_each), counts)


def rows_of(hashes: Hashes, table: int) -> Ints:
    """Which rows of a table of ``table`` rows these hashes stand for."""
    return (hashes % np.uint64(table)).astype(np.int64)
