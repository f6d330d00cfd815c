"""Which training row does this text repeat, and how much of it."""

import json
import mmap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from moderation.echo import layout
from moderation.echo.build import Progress, build
from moderation.echo.compare import RUN, Match, best_of, compare, copy_of
from moderation.echo.errors import EchoBroken, EchoNotFound
from moderation.echo.keys import keys_of
from moderation.echo.words import Keys, Words, split

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
        """The row that ``text`` repeats most, copy or not; None where no row shares words in order with it."""
        words = split(text, _LONGEST)
        found = (compare(words, self.row(number), number) for number, _ in self.candidates([words])[0])
        return best_of(match for match in found if match is not None)

    def copies(self, texts: Sequence[str]) -> list[Match | None]:
        """For each text the row that it copies, if any (:attr:`Match.is_copy`); much faster than :meth:`nearest`."""
        split_texts = [split(text, _LONGEST) for text in texts]
        return [
            best_of(
                match
                for number, votes in found
                if (match := copy_of(words, self.row(number), number, self._may_run(number, votes)))
            )
            for words, found in zip(split_texts, self.candidates(split_texts), strict=True)
        ]

    def candidates(self, texts: Sequence[Words], limit: int = _CANDIDATES) -> list[list[tuple[int, int]]]:
        """For each text the numbers of the rows that share most keys with it, and how many keys.

        One shared key is enough for a short row; of others it says too little.
        """
        found: list[list[tuple[int, int]]] = [[] for _ in texts]
        filled = [place for place, words in enumerate(texts) if words.words]
        if not filled or not self.rows:
            return found
        rows, whose = self._hits(*keys_of([texts[place] for place in filled]))
        pairs, votes = np.unique((whose << 32) | rows, return_counts=True)
        whose, rows = pairs >> 32, pairs & 0xFFFFFFFF
        lengths = self._lengths[rows]
        enough = (votes > 1) | (lengths <= layout.SHORT_ROW)
        # Of two rows with the same votes, the shorter has more of itself in the text.
        order = np.flatnonzero(enough)[np.lexsort((lengths[enough], -votes[enough], whose[enough]))]
        for place, row, count in zip(whose[order].tolist(), rows[order].tolist(), votes[order].tolist(), strict=True):
            if len(found[filled[place]]) < limit:
                found[filled[place]].append((row, count))
        return found

    def _hits(self, keys: Keys, whose: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row numbers of all postings of these keys, once for each key that points to the row; and whose key it was."""
        places = (keys >> np.uint64(64 - self._bits)).astype(np.int64)
        starts = self._buckets[places].astype(np.int64)
        sizes = self._buckets[places + 1] - starts
        ends = np.cumsum(sizes)
        at = np.arange(ends[-1]) + np.repeat(starts - ends + sizes, sizes)
        same = self._prints[at] == np.repeat(keys.astype(np.uint16), sizes)
        return self._posting_rows[at[same]].astype(np.int64), np.repeat(whose, sizes)[same]

    def _may_run(self, number: int, votes: int) -> bool:
        """Whether so many shared keys leave room for a run of eight words: six threes, or their minimisers."""
        return votes >= (RUN - 2 if self._lengths[number] <= layout.LONG_ROW else 2)


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
