"""Which rows are held out: decided by seed and text alone, so that order and file names do not matter."""

import hashlib
from array import array
from collections.abc import Sequence

import numpy as np

from finetune.corpus.row import Row
from finetune.corpus.spool import Picked

HELD_OUT_SHARE = 0.1
MOST_HELD_OUT = 2_000  # more would cost evaluation time and tell nothing new


def split(
    rows: Sequence[Row], seed: int, *, share: float = HELD_OUT_SHARE, most: int = MOST_HELD_OUT
) -> tuple[Picked, Picked]:
    """Rows to train on and rows held out, each in the order of `rows`.

    A row's rank is the SHA-256 of seed and text; the lowest-ranked `share` (at least one row, at most `most`) is held
    out. A row keeps its rank whatever stands around it.
    """
    held = min(most, max(1, round(len(rows) * share))) if len(rows) > 1 else 0
    ranks = np.fromiter((_rank(row.text, seed) for row in rows), dtype=np.uint64, count=len(rows))
    out = np.zeros(len(rows), dtype=bool)
    out[np.argsort(ranks, kind="stable")[:held]] = True
    return Picked(rows, _places(~out)), Picked(rows, _places(out))


def _rank(text: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\0{text}".encode("utf-8", "surrogatepass")).digest()[:8], "big")


def _places(chosen: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> "array[int]":
    return array("Q", np.flatnonzero(chosen).astype(np.uint64).tobytes())
