"""The embedded classifier: words in, six scores out, NumPy only."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Self

import numpy as np
from numpy.typing import NDArray

from moderation.echo.words import word_hash
from moderation.model.tokens import pair_hashes, pieces, placed, tokens
from moderation.model.weights import Floats, Weights, load
from moderation.normalise import Normalised
from moderation.verdict import Span

HEADS = ("tox", "insult", "hate", "sexual", "threat", "selfharm", "spam")  # "tox" is harmful in whatever way
CATEGORIES = HEADS[1:]
SHIPPED = Path(__file__).parents[1] / "weights" / "classifier.npz"

_REMEMBERED = 1 << 15  # words whose vectors are kept
_SQRT2 = np.float32(2**0.5)
_TOGETHER = 48  # texts computed at once: more would leave the processor's cache


class Classifier:
    """Scores texts in six categories. Safe to use from several threads."""

    def __init__(self, weights: Weights) -> None:
        self._tables, self._scales, dense = weights.tables, weights.scales, weights.dense
        self._width = self._tables["word"].shape[1]
        self._heads = self._tables["wide.word"].shape[1]
        self._filters = dense["patterns.bias"].shape[0]
        # (filters, 3 × width) → width × (3 × filters): one product, then three shifted sums.
        self._patterns = np.concatenate(np.split(dense["patterns.weight"], 3, axis=1)).T.copy()
        self._pattern_bias = dense["patterns.bias"]
        self._hidden, self._hidden_bias = dense["hidden.weight"].T.copy(), dense["hidden.bias"]
        self._out, self._bias = dense["out.weight"].T.copy(), dense["out.bias"] + dense["wide.bias"]
        self._slope = np.array(weights.about["slope"], np.float32)
        self._offset = np.array(weights.about["offset"], np.float32)
        self.version = str(weights.about["version"])
        self._lock = Lock()
        self._numbers: dict[str, int] = {}  # word → row of the next two
        # A row: the word's vector; its weight for each head; the sum of its pieces' weights; how many pieces it has.
        self._matrix = np.zeros((4096, self._width + 2 * self._heads + 1), np.float32)
        self._hashes = np.zeros(4096, np.uint64)

    @classmethod
    def open(cls, path: Path = SHIPPED) -> Self:
        """The classifier with the weights in ``path``. Raises FilterUnavailable."""
        return cls(load(path))

    def scores(self, texts: Sequence[Normalised]) -> Floats:
        """(texts, 6) scores from 0 to 1, in the order of CATEGORIES. A text without words scores 0 everywhere."""
        parts = [
            self.scores_of([tokens(text) for text in texts[at : at + _TOGETHER]])
            for at in range(0, len(texts), _TOGETHER)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(CATEGORIES)), np.float32)

    def scores_of(self, texts: Sequence[Sequence[str]]) -> Floats:
        """The same for texts that are split into words already; a few dozen at a time are fastest."""
        raw = self.logits(texts) * self._slope + self._offset
        found: Floats = 1 / (1 + np.exp(-np.clip(raw, -30, 30)))
        found[[not text for text in texts]] = 0.0
        # What is toxic in general, and nothing in particular, is told as an insult.
        found[:, 1] = np.maximum(found[:, 0], found[:, 1])
        return found[:, 1:]

    def weightiest(self, text: Normalised, category: str) -> Span | None:
        """The word that raises a category's score most in the linear half; None when none does."""
        words = placed(text)
        if not words:
            return None
        heads = ("tox", "insult") if category == "insult" else (category,)
        rows, _, _ = self._rows([[word for word, _ in words]])
        columns = [self._width + HEADS.index(head) for head in heads]
        weights = (rows[:-1, columns] + rows[:-1, [column + self._heads for column in columns]]).max(axis=1)
        best = int(weights.argmax())
        return words[best][1] if weights[best] > 0 else None

    def logits(self, texts: Sequence[Sequence[str]]) -> Floats:
        """(texts, 7) raw outputs, the general head first."""
        rows, hashes, lengths = self._rows(texts)
        starts = np.cumsum(lengths + 1) - lengths - 1
        root = np.sqrt(np.maximum(lengths, 1), dtype=np.float32)[:, None]
        width = self._width
        three = rows[:, :width] @ self._patterns
        size = self._filters
        found = three[:, size : 2 * size] + self._pattern_bias
        found[1:] += three[:-1, :size]
        found[:-1] += three[1:, 2 * size :]
        np.maximum(found, 0, out=found)
        found[starts + lengths] = 0  # between texts nothing is found
        totals = np.add.reduceat(rows, starts)
        most, total = np.maximum.reduceat(found, starts), np.add.reduceat(found, starts) / root
        read = np.concatenate([most, total, totals[:, :width] / root], axis=1)
        deep = np.maximum(read @ self._hidden + self._hidden_bias, 0) @ self._out
        words, of_pieces = totals[:, width : width + self._heads], totals[:, width + self._heads : -1]
        wide = (words + self._pairs(hashes, starts)) / (root * _SQRT2)
        wide += of_pieces / np.sqrt(np.maximum(totals[:, -1:], 1))
        logits: Floats = deep + wide + self._bias
        return logits

    def _pairs(self, hashes: NDArray[np.uint64], starts: NDArray[np.int64]) -> Floats:
        """Sums of the weights of every two words in a row."""
        both = (hashes[:-1] > 0) & (hashes[1:] > 0)
        found = np.zeros((len(hashes), self._heads), np.float32)
        found[:-1][both] = self._looked_up("wide.word", pair_hashes(hashes)[both])
        summed: Floats = np.add.reduceat(found, starts)
        return summed

    def _rows(self, texts: Sequence[Sequence[str]]) -> tuple[Floats, NDArray[np.uint64], NDArray[np.int64]]:
        """All words end to end as rows of the matrix, an empty one after each text; their hashes; the lengths."""
        with self._lock:
            if len(self._numbers) > _REMEMBERED:
                self._numbers.clear()
            numbers = self._numbers
            new = list(dict.fromkeys(word for text in texts for word in text if word not in numbers))
            if new:
                self._learn(new)
            places: list[int] = []
            for text in texts:
                places += [numbers[word] for word in text]
                places.append(0)
            rows, hashes = self._matrix[places], self._hashes[places]
        return rows, hashes, np.array([len(text) for text in texts], np.int64)

    def _learn(self, words: Sequence[str]) -> None:
        """Compute and remember the rows of some words."""
        first, width, heads = len(self._numbers) + 1, self._width, self._heads
        while first + len(words) >= len(self._matrix):
            self._matrix = np.concatenate([self._matrix, np.zeros_like(self._matrix)])
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
        own = np.array([word_hash(word) for word in words], np.uint64)
        of_each = [pieces(word) for word in words]
        counts = np.array([len(each) for each in of_each])
        rows = np.zeros((len(words), self._matrix.shape[1]), np.float32)
        rows[:, :width] = self._looked_up("word", own)
        rows[:, width : width + heads] = self._looked_up("wide.word", own)
        some = np.flatnonzero(counts)
        if len(some):
            flat = np.array([piece for each in of_each for piece in each], np.uint64)
            starts = (np.cumsum(counts) - counts)[some]
            rows[some, :width] += np.add.reduceat(self._looked_up("piece", flat), starts) / counts[some, None]
            rows[some, width + heads : -1] = np.add.reduceat(self._looked_up("wide.piece", flat), starts)
        rows[:, -1] = counts
        self._matrix[first : first + len(words)], self._hashes[first : first + len(words)] = rows, own
        self._numbers.update(zip(words, range(first, first + len(words)), strict=True))

    def _looked_up(self, name: str, numbers: NDArray[np.uint64]) -> Floats:
        table = self._tables[name]
        found: Floats = table[(numbers % np.uint64(len(table))).astype(np.int64)] * self._scales[name]
        return found
