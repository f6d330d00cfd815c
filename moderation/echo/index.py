"""Which training row does this text repeat, and how much of it."""

import json
import mmap
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from moderation.echo import layout
from moderation.echo.build import Progress, build
from moderation.echo.compare import Match, compare
from moderation.echo.errors import EchoBroken, EchoNotFound
from moderation.echo.words import Keys, Words, pair_keys, shingle_keys, split, whole_keys

_CANDIDATES = 6  # rows compared for one text
_LONGEST = 20_000  # words of a text that are looked up; longer texts are cut, the gate's shape filter stops them anyway


@dataclass(frozen=True)
class EchoIndex:
    """Memory-mapped index of training rows; open one with :meth:`open`. Reading is safe from many threads."""

    folder: Path
    rows: int
    _bits: int
    _text: mmap.mmap | bytes
    _starts: NDArray[Any]
    _lengths: NDArray[np.uint8]
    _buckets: NDArray[np.uint32]
    _posting_rows: NDArray[np.uint32]
    _prints: NDArray[np.uint16]

    @staticmethod
    def build(rows: Iterable[str], folder: Path, progress: Progress | None = None) -> None:
        """Write an index of ``rows`` into ``folder``; see :func:`moderation.echo.build.build`."""
        build(rows, folder, progress)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The index in ``folder``. Raises EchoNotFound or EchoBroken."""
        manifest = _manifest(folder)
        try:
            index = cls(
                folder,
                manifest["rows"],
                manifest["bits"],
                _mapped(folder / layout.ROWS),
                _array(folder / layout.STARTS),
                _array(folder / layout.LENGTHS),
                _array(folder / layout.BUCKETS),
                _array(folder / layout.POSTING_ROWS),
                _array(folder / layout.POSTING_PRINTS),
            )
            whole = (
                len(index._starts) == index.rows + 1
                and len(index._lengths) == index.rows
                and int(index._starts[-1]) == len(index._text)
                and len(index._buckets) == (1 << index._bits) + 1
                and int(index._buckets[-1]) == len(index._posting_rows) == len(index._prints) == manifest["postings"]
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EchoBroken(f"The echo index in {folder} cannot be read ({error}): build it again.") from error
        if not whole:
            raise EchoBroken(f"The files of the echo index in {folder} do not fit together: build it again.")
        return index

    def row(self, number: int) -> str:
        """Row ``number`` as it was given."""
        start, end = int(self._starts[number]), int(self._starts[number + 1]) - 1
        return bytes(self._text[start:end]).decode("utf-8", "replace")

    def nearest(self, text: str) -> Match | None:
        """The row that ``text`` repeats most, or None where no row is like it."""
        return max(self.matches(text), key=lambda match: (match.is_copy, match.overlap, match.run_words), default=None)

    def matches(self, text: str, limit: int = _CANDIDATES) -> list[Match]:
        """Rows that share words in order with ``text``, most promising first; at most ``limit`` are compared."""
        words = split(text)
        if len(words) > _LONGEST:
            words = Words(words.words[:_LONGEST], words.spans[:_LONGEST])
        found = (compare(words, self.row(number), number) for number in self.candidates(words, limit))
        return [match for match in found if match is not None]

    def candidates(self, words: Words, limit: int = _CANDIDATES) -> list[int]:
        """Numbers of the rows that share most keys with a text; one shared key is enough for a short row."""
        if not words.words or not self.rows:
            return []
        hits = self._hits(text_keys(words))
        if not len(hits):
            return []
        rows, votes = np.unique(hits, return_counts=True)
        enough = (votes > 1) | (self._lengths[rows] <= layout.SHORT_ROW)
        rows, votes = rows[enough], votes[enough]
        # Of two rows with the same votes, the shorter has more of itself in the text.
        best = np.lexsort((self._lengths[rows], -votes))[:limit]
        return [int(row) for row in rows[best]]

    def _hits(self, keys: Keys) -> NDArray[np.uint32]:
        """Row numbers of all postings of these keys, a row once for each key that points to it."""
        places = (keys >> np.uint64(64 - self._bits)).astype(np.int64)
        starts = self._buckets[places].astype(np.int64)
        sizes = self._buckets[places + 1] - starts
        ends = np.cumsum(sizes)
        if not len(ends) or not ends[-1]:
            return np.zeros(0, np.uint32)
        at = np.arange(ends[-1]) + np.repeat(starts - ends + sizes, sizes)
        same = self._prints[at] == np.repeat(keys.astype(np.uint16), sizes)
        hits: NDArray[np.uint32] = self._posting_rows[at[same]]
        return hits


def text_keys(words: Words) -> Keys:
    """Every key a text can be found by, each once: all its words, each three in a row, each pair within reach."""
    hashes = words.hashes
    left, right = _reach(len(hashes))
    whole = whole_keys(hashes, np.array([len(hashes)]))
    return np.unique(np.concatenate([whole, shingle_keys(hashes), pair_keys(hashes[left], hashes[right])]))


@lru_cache(maxsize=256)
def _reach(length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of all pairs of words at most PAIR_REACH apart."""
    left = np.repeat(np.arange(length), layout.PAIR_REACH)
    right = left + np.tile(np.arange(1, layout.PAIR_REACH + 1), length)
    inside = right < length
    return left[inside], right[inside]


def _manifest(folder: Path) -> dict[str, int]:
    path = folder / layout.MANIFEST
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise EchoNotFound(f"There is no echo index in {folder}: finetune builds one with every adapter.") from error
    except (OSError, ValueError) as error:
        raise EchoBroken(f"{path} cannot be read ({error}): build the index again.") from error
    counts = ("format", "rows", "postings", "bits")
    if not isinstance(manifest, dict) or not all(isinstance(manifest.get(key), int) for key in counts):
        raise EchoBroken(f"{path} is not the manifest of an echo index: build the index again.")
    if manifest["format"] != layout.FORMAT or not 8 <= manifest["bits"] <= 40:
        raise EchoBroken(f"{path} has format {manifest['format']}, not {layout.FORMAT}: build the index again.")
    return manifest


def _array(path: Path) -> NDArray[Any]:
    # The plain view of the map: NumPy's memmap class costs microseconds at every indexing.
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _mapped(path: Path) -> mmap.mmap | bytes:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""
