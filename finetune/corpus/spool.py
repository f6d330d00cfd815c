"""Rows on disk that behave like a list: a million of them cost twenty bytes each in memory."""

import hashlib
import tempfile
from abc import abstractmethod
from array import array
from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np

from finetune.corpus.row import Row, text_hash


class Rows(Sequence[Row]):
    """What a sequence of rows can do once it can give the row at a place."""

    @abstractmethod
    def at(self, place: int) -> Row:
        """The row at `place`, from 0 to the length less one."""

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> "Picked": ...
    def __getitem__(self, index: int | slice) -> "Row | Picked":
        """One row, or a view of some."""
        places = range(len(self))[index]
        return Picked(self, array("Q", places)) if isinstance(places, range) else self.at(places)

    def __iter__(self) -> Iterator[Row]:
        """All rows in order."""
        return map(self.at, range(len(self)))


class Spool(Rows):
    """Rows in an unlinked temporary file (it is gone when the process is, however that ends), read back by position."""

    def __init__(self) -> None:
        """An empty spool."""
        self._file = tempfile.TemporaryFile(prefix="confess-rows-")  # noqa: SIM115  (lives as long as the spool)
        self._writing = True  # the file stands at its end; seeking before each write would empty its buffer
        self._ends = array("Q", [0])  # byte offset behind row n-1
        self._hashes = array("Q")  # of the texts
        self._lengths = array("I")  # of the texts, in characters

    def append(self, row: Row) -> None:
        """Write a row behind the others."""
        line = row.to_json().encode("utf-8", "surrogatepass") + b"\n"
        if not self._writing:
            self._file.seek(self._ends[-1])
            self._writing = True
        self._file.write(line)
        self._ends.append(self._ends[-1] + len(line))
        self._hashes.append(text_hash(row.text))
        self._lengths.append(len(row.text))

    def measure(self, places: "array[int] | None" = None) -> tuple[int, str]:
        """Characters of the rows (those at `places`), and the SHA-256 of their 64-bit hashes in order."""
        hashes, lengths = np.frombuffer(self._hashes, dtype=np.uint64), np.frombuffer(self._lengths, dtype=np.uint32)
        if places is not None:
            chosen = np.frombuffer(places, dtype=np.uint64)
            hashes, lengths = hashes[chosen], lengths[chosen]
        return int(lengths.sum()), hashlib.sha256(hashes.tobytes()).hexdigest()

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._hashes)

    def at(self, place: int) -> Row:
        """The row at `place`."""
        self._writing = False
        self._file.seek(self._ends[place])
        return Row.from_json(self._file.read(self._ends[place + 1] - self._ends[place]))


class Picked(Rows):
    """Some rows of another sequence, in a given order, without copying them."""

    def __init__(self, rows: Sequence[Row], places: "array[int]") -> None:
        """A view of `rows` at `places`."""
        self._rows = rows
        self._places = places

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._places)

    def at(self, place: int) -> Row:
        """The row at `place` of this view."""
        return self._rows[self._places[place]]
