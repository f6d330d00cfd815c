"""Building an echo index from rows, in bounded memory.

Two passes. The first writes the rows and their words' hashes to disk and counts the words. The second makes the keys
from the hashes, spills them into 64 files by their top bits, and sorts these one after another.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from moderation.echo import layout
from moderation.echo.words import Keys, pair_keys, shingle_keys, split, whole_keys

Progress = Callable[[str, int], None]  # what is being done ("reading", "indexing", "sorting"), and how many are done

_CHUNK = 4096  # rows held in memory at once
_SPILLS = 64  # files the postings are spilled into; a power of two
_COUNTERS = 1 << 20  # words are counted in this many hashed counters


def build(rows: Iterable[str], folder: Path, progress: Progress | None = None) -> None:
    """Write an index of ``rows`` into ``folder``, replacing one that is there.

    ``rows`` is read once. The work is done in ``folder``'s neighbour ``.NAME.partial``, which an interrupted build
    leaves behind and the next one clears; the folder appears, complete, by a rename.
    """
    tell = progress or (lambda _what, _done: None)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    spill = partial / "spill"
    spill.mkdir()
    count, counters = _store(rows, partial, spill, tell)
    _spill_postings(partial, spill, counters, tell)
    postings, bits = _sort(partial, spill, tell)
    shutil.rmtree(spill)
    manifest = {"format": layout.FORMAT, "rows": count, "postings": postings, "bits": bits}
    (partial / layout.MANIFEST).write_text(json.dumps(manifest) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _store(rows: Iterable[str], folder: Path, spill: Path, tell: Progress) -> tuple[int, NDArray[np.uint32]]:
    """First pass: rows.txt, starts.npy, lengths.npy and the hashes; returns the row count and the word counts."""
    counters = np.zeros(_COUNTERS, np.uint32)
    starts, lengths = [np.zeros(1, np.uint64)], [np.zeros(0, np.uint32)]
    position = done = 0
    with (folder / layout.ROWS).open("wb") as text_file, (spill / "hashes").open("wb") as hash_file:
        for chunk in _chunks(rows):
            lines = [row.encode("utf-8", "replace") + b"\n" for row in chunk]
            text_file.writelines(lines)
            ends = np.cumsum([len(line) for line in lines], dtype=np.uint64) + np.uint64(position)
            starts.append(ends)
            position = int(ends[-1])
            split_rows = [split(row) for row in chunk]
            lengths.append(np.array([len(words) for words in split_rows], np.uint32))
            hashes = np.concatenate([words.hashes for words in split_rows])
            hashes.tofile(hash_file)
            np.add.at(counters, (hashes % np.uint64(_COUNTERS)).astype(np.int64), np.uint32(1))
            done += len(chunk)
            tell("reading", done)
    borders = np.concatenate(starts)
    np.save(folder / layout.STARTS, borders.astype(np.uint32) if position < 2**32 else borders)
    words = np.concatenate(lengths)
    words.tofile(spill / "lengths")
    np.save(folder / layout.LENGTHS, np.minimum(words, 255).astype(np.uint8))
    return done, counters


def _spill_postings(folder: Path, spill: Path, counters: NDArray[np.uint32], tell: Progress) -> None:
    """Second pass: keys and row numbers, appended to one of 64 files by the key's top six bits."""
    lengths = np.fromfile(spill / "lengths", np.uint32).astype(np.int64)
    files = [(spill / f"{number:02}").open("wb") for number in range(_SPILLS)]
    try:
        with (spill / "hashes").open("rb") as hash_file:
            for first in range(0, len(lengths), _CHUNK):
                chunk = lengths[first : first + _CHUNK]
                hashes = np.fromfile(hash_file, np.uint64, int(chunk.sum()))
                _spill_chunk(hashes, chunk, first, counters, files)
                tell("indexing", first + len(chunk))
    finally:
        for file in files:
            file.close()


def _spill_chunk(
    hashes: Keys, lengths: NDArray[np.int64], first: int, counters: NDArray[np.uint32], files: Sequence[BinaryIO]
) -> None:
    found = [_whole(hashes, lengths), _shingles(hashes, lengths), *_pairs(hashes, lengths, counters)]
    postings = np.empty(sum(len(keys) for keys, _ in found), _POSTING)
    postings["key"] = np.concatenate([keys for keys, _ in found])
    postings["row"] = np.concatenate([rows for _, rows in found]) + first
    spills = (postings["key"] >> np.uint64(58)).astype(np.int64)
    postings = postings[np.argsort(spills, kind="stable")]
    borders = np.searchsorted(np.sort(spills), np.arange(_SPILLS + 1))
    for file, start, end in zip(files, borders, borders[1:], strict=False):
        postings[start:end].tofile(file)


_POSTING = np.dtype([("key", np.uint64), ("row", np.uint32)])
_Found = tuple[Keys, NDArray[np.int64]]  # keys, and the row of each, counted from the chunk's first


def _whole(hashes: Keys, lengths: NDArray[np.int64]) -> _Found:
    filled = np.flatnonzero(lengths)
    return (whole_keys(hashes, lengths[filled]) if len(filled) else hashes[:0]), filled


def _shingles(hashes: Keys, lengths: NDArray[np.int64]) -> _Found:
    """Every three words of a row; of a long row only the minimisers."""
    if len(hashes) < 3:
        return hashes[:0], np.zeros(0, np.int64)
    row_of = np.repeat(np.arange(len(lengths)), lengths)
    keys, rows = shingle_keys(hashes), row_of[:-2]
    inside = rows == row_of[2:]
    keep = inside & (lengths[rows] <= layout.LONG_ROW)
    size = layout.WINNOW
    if len(keys) >= size:
        windows = np.lib.stride_tricks.sliding_window_view(keys, size)
        whole = (rows[: len(windows)] == rows[size - 1 :]) & inside[size - 1 :] & (lengths[rows[: len(windows)]] > 0)
        least = np.arange(len(windows)) + windows.argmin(axis=1)
        keep[least[whole & (lengths[rows[: len(windows)]] > layout.LONG_ROW)]] = True
    return keys[keep], rows[keep]


def _pairs(hashes: Keys, lengths: NDArray[np.int64], counters: NDArray[np.uint32]) -> Iterator[_Found]:
    """Pairs among the four rarest words of each short row."""
    starts = np.cumsum(lengths) - lengths
    for length in range(3, layout.SHORT_ROW + 1):
        rows = np.flatnonzero(lengths == length)
        words = hashes[starts[rows][:, None] + np.arange(length)]
        counts = counters[(words % np.uint64(_COUNTERS)).astype(np.int64)]
        rarest = np.take_along_axis(words, np.argsort(counts, axis=1, kind="stable")[:, : layout.RAREST], axis=1)
        left, right = np.triu_indices(rarest.shape[1], 1)
        yield pair_keys(rarest[:, left], rarest[:, right]).ravel(), np.repeat(rows, len(left))


def _sort(folder: Path, spill: Path, tell: Progress) -> tuple[int, int]:
    """Sort the spilled postings by key into the final arrays; returns how many were kept and the bits of a bucket."""
    sizes = [(spill / f"{number:02}").stat().st_size // _POSTING.itemsize for number in range(_SPILLS)]
    bits = max(8, (sum(sizes) // 4).bit_length())
    counts = np.zeros(1 << bits, np.uint32)
    kept = 0
    with (spill / "rows").open("wb") as row_file, (spill / "prints").open("wb") as print_file:
        for number in range(_SPILLS):
            postings = np.fromfile(spill / f"{number:02}", _POSTING)
            postings = postings[np.argsort(postings["key"], kind="stable")]
            keys = postings["key"]
            new = np.concatenate([[True], keys[1:] != keys[:-1]]) if len(keys) else np.zeros(0, bool)
            places = np.arange(len(keys))
            rank = places - np.maximum.accumulate(np.where(new, places, 0)) if len(keys) else places
            postings = postings[rank < layout.LIST_LIMIT]
            places = (postings["key"] >> np.uint64(64 - bits)).astype(np.int64)
            counts += np.bincount(places, minlength=1 << bits).astype(np.uint32)
            postings["row"].tofile(row_file)
            postings["key"].astype(np.uint16).tofile(print_file)
            kept += len(postings)
            tell("sorting", kept)
    np.save(folder / layout.BUCKETS, np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.uint32))
    _as_npy(spill / "rows", folder / layout.POSTING_ROWS, np.dtype(np.uint32), kept)
    _as_npy(spill / "prints", folder / layout.POSTING_PRINTS, np.dtype(np.uint16), kept)
    return kept, bits


def _as_npy(raw: Path, path: Path, dtype: np.dtype[Any], count: int) -> None:
    """Put the npy header before raw numbers, without loading them."""
    with raw.open("rb") as source, path.open("wb") as target:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (count,)}
        np.lib.format.write_array_header_1_0(target, header)
        shutil.copyfileobj(source, target, 1 << 20)


def _chunks(rows: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
