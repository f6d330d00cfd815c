"""Exact and near duplicates among a million rows, with a few bytes of memory a row.

Near: MinHash over 5-character shingles of the casefolded letters and digits (Broder 1997, "On the resemblance and
containment of documents"), 32 hashes in 8 bands of 4 (Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3.4):
a pair of similarity 0.8 shares a band with probability 0.985. Band values go to unlinked files, one a band, and are
looked through one band at a time; every candidate pair is then compared exactly, so that no row is lost to chance.
"""

import re
import tempfile
from array import array
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from finetune.corpus.row import Row, text_hash

BANDS, ROWS_PER_BAND = 8, 4
SHINGLE = 5
BATCH = 512  # rows hashed at once
PART = 65_536  # values sorted at once
COMPARED = 2_000  # characters of a post that are compared: two posts alike for so long are alike

_NOT_LETTERS = re.compile(r"[\W_]+")
_PRIME = np.uint64(0x9E3779B97F4A7C15)

_random = np.random.default_rng(20260101)
_MULTIPLIERS = _random.integers(1, 2**63, BANDS * ROWS_PER_BAND, dtype=np.uint64) | np.uint64(1)
_ADDENDS = _random.integers(0, 2**63, BANDS * ROWS_PER_BAND, dtype=np.uint64)

Hashes = NDArray[np.uint64]
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]


def key_text(text: str) -> str:
    """What two posts must share to be the same: letters and digits, casefolded; emoji-only posts keep all."""
    return _NOT_LETTERS.sub(" ", text.casefold()).strip() or text


class Duplicates:
    """Collects rows one by one, then says which of them repeat an earlier one."""

    def __init__(self, *, near: float | None) -> None:
        """`near` is the Jaccard similarity from which rows are the same; None looks for exact repeats only."""
        self._near = near
        self._keys = array("Q")
        self._batch: list[str] = []
        files = BANDS if near is not None else 0
        self._bands = [tempfile.TemporaryFile(prefix="confess-band-") for _ in range(files)]  # noqa: SIM115  (see find)

    def add(self, text: str) -> None:
        """Take the next row's text."""
        key = key_text(text)
        self._keys.append(text_hash(key))
        if self._near is not None:
            self._batch.append(key[:COMPARED])
            if len(self._batch) == BATCH:
                self._flush()

    def find(
        self, rows: Sequence[Row], progress: Callable[[int, int], None] = lambda done, total: None
    ) -> Iterator[tuple[int, int, str]]:
        """For each row that repeats an earlier one: its place, the earlier one's, and which kind of repeat it is."""
        keys = np.frombuffer(self._keys, dtype=np.uint64)
        kept: Flags = np.ones(len(keys), dtype=bool)
        for places, leaders in _groups(keys, kept):
            for place, leader in zip(places.tolist(), leaders.tolist(), strict=True):
                kept[place] = False
                yield place, leader, "duplicate"
        if self._near is None:
            return
        self._flush()
        for number, file in enumerate(self._bands):
            file.seek(0)
            values: Hashes = np.frombuffer(file.read(), dtype=np.uint64)
            file.close()
            yield from self._near_in(values, kept, rows)
            progress(number + 1, BANDS)

    def _near_in(self, values: Hashes, kept: Flags, rows: Sequence[Row]) -> Iterator[tuple[int, int, str]]:
        """Compare each kept row with the first kept row of its band value; unmark and report those that are alike."""
        assert self._near is not None
        cached, shingles = -1, set[str]()
        for places, leaders in _groups(values, kept):
            order = np.argsort(leaders, kind="stable")  # rows of one leader together: its shingles are made once
            for place, leader in zip(places[order].tolist(), leaders[order].tolist(), strict=True):
                if leader != cached:
                    cached, shingles = leader, shingle_set(key_text(rows[leader].text))
                if jaccard(shingles, shingle_set(key_text(rows[place].text))) >= self._near:
                    kept[place] = False
                    yield place, leader, "near duplicate"

    def _flush(self) -> None:
        if self._batch:
            for file, values in zip(self._bands, bands(self._batch).T, strict=True):
                file.write(np.ascontiguousarray(values).tobytes())
            self._batch.clear()


def shingle_set(key: str) -> set[str]:
    """The 5-character pieces of a key text; a shorter text is one piece."""
    key = key[:COMPARED]
    return {key[i : i + SHINGLE] for i in range(max(1, len(key) - SHINGLE + 1))}


def jaccard(one: set[str], other: set[str]) -> float:
    """Shared pieces over all pieces, 0 to 1."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def bands(keys: Sequence[str]) -> Hashes:
    """MinHash band values of some key texts, one line a text and one column a band."""
    padded = [key.ljust(SHINGLE) for key in keys]
    points = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    lengths = np.fromiter(map(len, padded), dtype=np.int64, count=len(padded))
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    counts = lengths - (SHINGLE - 1)
    with np.errstate(over="ignore"):
        pieces = np.zeros(len(points) - SHINGLE + 1, dtype=np.uint64)
        for offset in range(SHINGLE):
            pieces = pieces * _PRIME + points[offset : offset + len(pieces)]
        pieces ^= pieces >> np.uint64(29)
        pieces *= np.uint64(0xBF58476D1CE4E5B9)
        pieces ^= pieces >> np.uint64(32)
        inside = np.concatenate([np.arange(start, start + count) for start, count in zip(starts, counts, strict=True)])
        pieces = pieces[inside]  # leave out the pieces that lie over two texts
        edges = np.concatenate(([0], np.cumsum(counts)[:-1]))
        found = np.zeros((BANDS, len(keys)), dtype=np.uint64)
        for number, (multiplier, addend) in enumerate(zip(_MULTIPLIERS, _ADDENDS, strict=True)):
            least = np.minimum.reduceat((pieces * multiplier + addend) >> np.uint64(16), edges)
            band = number // ROWS_PER_BAND
            found[band] = (found[band] ^ least) * _PRIME + np.uint64(number)
    return found.T


def _groups(values: Hashes, kept: Flags) -> Iterator[tuple[Places, Places]]:
    """The kept places that share their value with an earlier kept one, and for each the earliest such place.

    Values are looked through in parts of about `PART`, by their last digits, so that sorting needs little memory.
    """
    parts = np.uint64(max(1, len(values) // PART))
    for part in range(int(parts)):
        places = np.flatnonzero((values % parts == part) & kept)
        _, first, inverse = np.unique(values[places], return_index=True, return_inverse=True)
        leaders = places[first[inverse]]
        later = leaders != places
        if later.any():
            yield places[later], leaders[later]
