"""Forgetting: rows that shall never be learned again, and which adapters learned them already.

The rule goes into ``forget.jsonl`` beside the corpus (:mod:`finetune.corpus.rules`), and every later read honours it,
so that a fresh export does not bring the rows back. The source files stay as they are: an archive cannot be rewritten
without breaking it, and a program should not edit the only copy of somebody's posts.

An adapter's ``data-rows.npy`` holds 64-bit hashes of its rows; one that shares a forgotten row gets a ``stale.json``,
which says since when and how many. The weights cannot forget: train it again. Its echo index keeps the rows until
then, because it is what keeps the weights from reciting them.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from finetune.corpus.card import ROWS_FILE
from finetune.corpus.clean import every_form
from finetune.corpus.options import ProgressCallback, ReadOptions
from finetune.corpus.read import read
from finetune.corpus.row import Row, text_hash
from finetune.corpus.rules import Rule, remember
from finetune.errors import EmptyCorpus, NoSuchCorpus
from generation.adapter import STALE, stale_since


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What came of a request to forget."""

    rows: int  # different posts
    files: tuple[Path, ...]  # forget lists that now hold the rule
    stale: tuple[str, ...]  # names of adapters that learned one of the rows


def forget(
    paths: Sequence[Path],
    rule: Rule,
    *,
    adapters: Path | None,
    now: datetime,
    options: ReadOptions | None = None,
    progress: ProgressCallback | None = None,
) -> Forgotten:
    """Forget the rows of some corpora that a rule names, and mark the adapters under `adapters` that learned them.

    `options` say how to find the posts (format, text column, encoding); every other choice is open, so that rows are
    found however they were cleaned. Asked twice, it marks what was trained in between. Nothing is written when no row
    matches.

    Raises:
        NoSuchCorpus, UnreadableCorpus: a corpus is not there or cannot be read.
    """
    everything = replace(
        options or ReadOptions(), keep_replies=True, keep_near_duplicates=True, shortest=1, least_characters=0
    )
    hashes: set[int] = set()
    posts: set[int] = set()
    touched: list[Path] = []
    for path in paths:
        if not path.exists():
            raise NoSuchCorpus(f"There is no file or folder at {path}; check the name.")
        found: list[int] = []

        def look(row: Row, found: list[int] = found) -> None:
            forms = every_form(row.text)
            if rule.matches(row.author, forms):
                found.append(text_hash(row.text))
                hashes.update(map(text_hash, forms))

        with suppress(EmptyCorpus):  # every row is forgotten by now, or unfit for other reasons
            read([path], everything, progress=progress, met=look)
        if found:
            posts.update(found)
            touched.append(remember(path, rule))
    stale = _mark_stale(adapters, hashes, now) if adapters is not None and hashes else []
    return Forgotten(len(posts), tuple(dict.fromkeys(touched)), tuple(stale))


def _mark_stale(root: Path, hashes: set[int], now: datetime) -> list[str]:
    wanted = np.fromiter(hashes, dtype=np.uint64, count=len(hashes))
    marked: list[str] = []
    for file in sorted(root.glob(f"*/{ROWS_FILE}")):
        learned = _learned(file, wanted)
        if learned:
            folder = file.parent
            before = stale_since(folder) or {}
            told = {
                "at": before.get("at", now.isoformat()),  # since when
                "rows": max(learned, before.get("rows", 0)),  # at least so many
                "why": "rows it learned were forgotten; train it again",
            }
            partial = folder / (STALE + ".tmp")
            partial.write_text(json.dumps(told), encoding="utf-8")
            partial.replace(folder / STALE)
            marked.append(folder.name)
    return marked


def _learned(file: Path, wanted: NDArray[np.uint64]) -> int:
    """How many of the wanted rows an adapter learned; one whose list is damaged may have learned them all."""
    try:
        return int(np.isin(np.load(file, allow_pickle=False), wanted).sum())
    except (OSError, ValueError, EOFError):
        return len(wanted)
