"""Forgetting: rows that shall never be learned again, and which adapters learned them already.

A rule is a line of ``forget.jsonl`` beside the corpus (in the folder, when the corpus is one). Every later read of any
file there honours it, so that a fresh export does not bring the rows back. The source files stay as they are.

An adapter's ``data-rows.npy`` holds 64-bit hashes of its rows (the data card writes it); one that shares a
forgotten row gets a ``stale.json``, which says since when and how many. The weights cannot forget: train it again.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import re2

from finetune.corpus.options import ProgressCallback, ReadOptions
from finetune.errors import BadOption, NoSuchCorpus, UnreadableCorpus

FORGET_FILE = "forget.jsonl"
STALE_FILE = "stale.json"
ROWS_FILE = "data-rows.npy"  # sorted 64-bit hashes of the rows an adapter learned
LONGEST_PATTERN = 2_000


@dataclass(frozen=True)
class Rule:
    """Which rows to forget: an author's, or those that match a pattern (RE2 syntax, linear in time, any case)."""

    author: str | None = None
    match: str | None = None

    def __post_init__(self) -> None:
        """Refuse a rule that says nothing or cannot be read.

        Raises:
            BadOption: neither or both are given, or the pattern is broken.
        """
        if (self.author is None) is (self.match is None):
            raise BadOption("Say either an author or a pattern to forget, one at a time.")
        if not (self.author or self.match or "").strip():
            raise BadOption("An empty author or pattern would forget everything or nothing; name one.")
        if self.match is not None:
            try:
                _ = self._pattern
            except re2.error as error:
                raise BadOption(f"The pattern {self.match!r} cannot be read ({error}); mind the brackets.") from error

    def matches(self, author: str | None, text: str) -> bool:
        """Whether a row is to be forgotten."""
        if self.author is not None:
            return author is not None and _plain(author) == _plain(self.author)
        return bool(self._pattern.search(text))

    @cached_property
    def _pattern(self) -> Any:
        options = re2.Options()
        options.case_sensitive = False
        options.log_errors = False
        return re2.compile((self.match or "")[:LONGEST_PATTERN], options)

    def to_json(self) -> str:
        """One line of ``forget.jsonl``."""
        return json.dumps({"author": self.author} if self.author else {"match": self.match}, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What came of a request to forget."""

    rows: int  # different posts
    files: tuple[Path, ...]  # forget lists that now hold the rule
    stale: tuple[str, ...]  # names of adapters that learned one of the rows


def load_rules(path: Path) -> list[Rule]:
    """The rules that hold for a corpus file or folder; none when there is no list beside it.

    Raises:
        UnreadableCorpus: the list is damaged. Nothing is read then, lest a forgotten row come back.
    """
    file = forget_file(path)
    if not file.is_file():
        return []
    rules: list[Rule] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                rules.append(Rule(**json.loads(line)))
            except (ValueError, TypeError, BadOption) as error:
                raise UnreadableCorpus(
                    f"Line {number} of {file} is no rule to forget by ({error}); mend it."
                ) from error
    return rules


def forget_file(path: Path) -> Path:
    """Where the rules for a corpus file or folder stand."""
    return (path if path.is_dir() else path.parent) / FORGET_FILE


def forget(
    paths: Sequence[Path], rule: Rule, *, adapters: Path | None, now: datetime, progress: ProgressCallback | None = None
) -> Forgotten:
    """Forget the rows of some corpora that a rule names, and mark the adapters under `adapters` that learned them.

    Nothing is written when no row matches.

    Raises:
        NoSuchCorpus, UnreadableCorpus: a corpus is not there or cannot be read.
    """
    from finetune.corpus.read import read
    from finetune.errors import EmptyCorpus

    hashes: set[int] = set()
    touched: list[Path] = []
    rows = 0
    everything = ReadOptions(
        shortest=1, longest=10_000_000, keep_replies=True, keep_near_duplicates=True, least_characters=0
    )
    for path in paths:
        if not path.exists():
            raise NoSuchCorpus(f"There is no file or folder at {path}; check the name.")
        found: set[int] = set()
        for options in (everything, replace(everything, keep_urls=True, keep_mentions=True)):
            try:
                matching = [
                    row for row in read([path], options, progress=progress).rows if rule.matches(row.author, row.text)
                ]
            except EmptyCorpus:
                continue
            rows += len(matching) if not found else 0
            found |= {row.hash for row in matching}
        if found:
            hashes |= found
            touched.append(_remember(path, rule))
    stale = _mark_stale(adapters, hashes, now) if adapters is not None and hashes else []
    return Forgotten(rows, tuple(dict.fromkeys(touched)), tuple(stale))


def stale_since(adapter: Path) -> dict[str, Any] | None:
    """What ``stale.json`` of an adapter folder says, or None when the adapter has nothing to forget."""
    try:
        found = json.loads((adapter / STALE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _remember(path: Path, rule: Rule) -> Path:
    file = forget_file(path)
    if rule not in load_rules(path):
        with file.open("a", encoding="utf-8") as stream:
            stream.write(rule.to_json() + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    return file


def _mark_stale(root: Path, hashes: set[int], now: datetime) -> list[str]:
    wanted = np.fromiter(hashes, dtype=np.uint64, count=len(hashes))
    marked: list[str] = []
    for file in sorted(root.glob(f"*/{ROWS_FILE}")):
        shared = int(np.isin(np.load(file, allow_pickle=False), wanted).sum())
        if shared:
            folder = file.parent
            before = (stale_since(folder) or {}).get("rows", 0)
            told = {"at": now.isoformat(), "rows": shared + (before if isinstance(before, int) else 0)}
            partial = folder / (STALE_FILE + ".tmp")
            partial.write_text(json.dumps(told | {"why": "rows it learned were forgotten; train it again"}), "utf-8")
            partial.replace(folder / STALE_FILE)
            marked.append(folder.name)
    return marked


def _plain(author: str) -> str:
    return author.strip().removeprefix("@").casefold()
