"""The embedded classifier: words in, six scores out, NumPy only."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Self

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

# What is harmful in general is told under the one of these categories that comes nearest. Not as sexual, which some
# places allow.
_NEAR = np.array([HEADS.index(head) for head in ("insult", "hate", "threat")])
_HOLD = np.float32(np.log(0.6 / 0.4))  # where the gate's own rules begin to hold
# How fast scores fall below that. Six heads that each half suspect something would drown the general one: the highest
# score tells harmful from harmless better this way, and the order within a head stays.
_FALL = np.array([1.0 if head in ("tox", "insult") else 2.0 for head in HEADS], np.float32)
_REMEMBERED = 1 << 15  # words whose vectors are kept
_SQRT2 = np.float32(2**0.5)
_PART = 12  # words; a stretch is two parts
# How much of what the worst stretch of a long text gives above the whole text is added, by head: one bad sentence in a
# long story is bad. Chosen on the exams (see the card): the general head and self-harm do better without.
_WORST = np.array([0.0 if head in ("tox", "selfharm") else 0.3 for head in HEADS], np.float32)
_TOGETHER = 48  # texts computed at once: more would leave the processor's cache


def told(raw: Floats) -> Floats:
    """(texts, 6) scores of (texts, 7) calibrated outputs, which are log-odds with the general head first."""
    low = np.minimum(raw - _HOLD, 0)
    raw = raw + low * (_FALL - 1)
    rows, nearest = np.arange(len(raw)), _NEAR[raw[:, _NEAR].argmax(axis=1)]
    raw[rows, nearest] = np.maximum(raw[rows, nearest], raw[:, 0])
    return np.asarray(1 / (1 + np.exp(-np.clip(raw[:, 1:], -30, 30))), np.float32)


class _Layout(NamedTuple):
    """Where texts that lie end to end, an empty word after each, are cut into parts and stretches."""

    at: list[int]  # each part's first word
    counts: list[int]  # words of each part
    first: list[int]  # each text's first part
    lengths: list[int]  # words of each text, then of each stretch
    left: list[int]  # each stretch's first part; it has two
    long: list[int]  # texts that have stretches
    begins: list[int]  # each such text's first stretch

    @classmethod
    def of(cls, lengths: Sequence[int]) -> Self:
        """For texts of these lengths. Plain lists: for a few dozen numbers they are faster than arrays."""
        found = cls([], [], [], list(lengths), [], [], [])
        start = 0
        for text, length in enumerate(lengths):
            part = len(found.at)
            found.first.append(part)
            found.at.extend(range(start, start + max(length, 1), _PART))
            found.counts.extend(min(_PART, length - done) for done in range(0, max(length, 1), _PART))
            start += length + 1
            last = len(found.at) - 1
            if last - part > 1:
                found.long.append(text)
                found.begins.append(len(found.left))
                found.left.extend(range(part, last))
        found.lengths.extend(found.counts[part] + found.counts[part + 1] for part in found.left)
        return found


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
        return self.scores_of([tokens(text) for text in texts])

    def scores_of(self, texts: Sequence[Sequence[str]]) -> Floats:
        """The same for texts that are split into words already."""
        found = told(self.logits(texts) * self._slope + self._offset)
        found[[not text for text in texts]] = 0.0
        return found

    def weightiest(self, text: Normalised, category: str) -> Span | None:
        """The word that raises a category's score most in the linear half; None when none does."""
        words = placed(text)
        if not words:
            return None
        heads = ("tox", category) if HEADS.index(category) in _NEAR else (category,)
        rows, _ = self._rows([[word for word, _ in words]])
        columns = [self._width + HEADS.index(head) for head in heads]
        weights = (rows[:-1, columns] + rows[:-1, [column + self._heads for column in columns]]).max(axis=1)
        best = int(weights.argmax())
        return words[best][1] if weights[best] > 0 else None

    def logits(self, texts: Sequence[Sequence[str]]) -> Floats:
        """(texts, 7) raw outputs, the general head first."""
        parts = [self._logits(texts[at : at + _TOGETHER]) for at in range(0, len(texts), _TOGETHER)]
        return np.concatenate(parts) if parts else np.zeros((0, self._heads), np.float32)

    def _logits(self, texts: Sequence[Sequence[str]]) -> Floats:
        """Those of the whole texts, raised by the worst stretch of a long one."""
        layout = _Layout.of([len(text) for text in texts])
        rows, hashes = self._rows(texts)
        found = self._found(rows, hashes)
        sums = np.add.reduceat(np.concatenate([found, rows, self._pairs(hashes)], axis=1), layout.at)
        most = np.maximum.reduceat(found, layout.at)
        whole, whole_most = np.add.reduceat(sums, layout.first), np.maximum.reduceat(most, layout.first)
        if not layout.left:
            return self._outputs(whole, whole_most, layout.lengths)
        left, right = layout.left, [part + 1 for part in layout.left]
        both = np.concatenate([whole, sums[left] + sums[right]])
        both_most = np.concatenate([whole_most, np.maximum(most[left], most[right])])
        logits = self._outputs(both, both_most, layout.lengths)
        worst = np.maximum.reduceat(logits[len(texts) :], layout.begins)
        logits = logits[: len(texts)]
        logits[layout.long] += _WORST * np.maximum(worst - logits[layout.long], 0)
        return logits

    def _found(self, rows: Floats, hashes: NDArray[np.uint64]) -> Floats:
        """(words, filters) how strongly each pattern of three words is there around each word."""
        three = rows[:, : self._width] @ self._patterns
        size = self._filters
        found: Floats = three[:, size : 2 * size] + self._pattern_bias
        found[1:] += three[:-1, :size]
        found[:-1] += three[1:, 2 * size :]
        np.maximum(found, 0, out=found)
        found[hashes == 0] = 0  # between texts nothing is found
        return found

    def _pairs(self, hashes: NDArray[np.uint64]) -> Floats:
        """(words, heads) weights of each word together with the next."""
        both = (hashes[:-1] > 0) & (hashes[1:] > 0)
        found = np.zeros((len(hashes), self._heads), np.float32)
        found[:-1][both] = self._looked_up("wide.word", pair_hashes(hashes)[both])
        return found

    def _outputs(self, sums: Floats, most: Floats, lengths: Sequence[int]) -> Floats:
        """(stretches, heads) logits of stretches of words, each as if it were a text of its own.

        ``sums`` are those of what the patterns find, of the words' rows and of pairs; ``most`` is the most they find.
        """
        count = np.maximum(np.array(lengths, np.float32), 1)[:, None]
        root = np.sqrt(count)
        size, heads = self._filters, self._heads
        words = size + self._width  # where the weights of words stand, then those of pieces, how many, and of pairs
        read = np.concatenate([most, sums[:, :words] / root], axis=1)
        deep = np.maximum(read @ self._hidden + self._hidden_bias, 0) @ self._out
        of_words, of_pieces = sums[:, words : words + heads], sums[:, words + heads : words + 2 * heads]
        wide = (of_words + sums[:, -heads:]) / (root * _SQRT2)
        wide += of_pieces / np.sqrt(np.maximum(sums[:, -heads - 1, None], 1))
        logits: Floats = deep + wide + self._bias
        return logits

    def _rows(self, texts: Sequence[Sequence[str]]) -> tuple[Floats, NDArray[np.uint64]]:
        """All words end to end as rows of the matrix, an empty one after each text; and their hashes."""
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
            return self._matrix[places], self._hashes[places]

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
