"""Rules of what to forget, as lines of ``forget.jsonl``, and where such lists hold.

A list holds for its folder and everything below it. A folder that is read as a whole honours every list in it for all
that it holds: rather a row too few than one that somebody took back.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import re2

from finetune.errors import BadOption, UnreadableCorpus

FORGET_FILE = "forget.jsonl"
LONGEST_PATTERN = 2_000


@dataclass(frozen=True)
class Rule:
    """Which rows to forget: an author's, or those that match a pattern (RE2 syntax, linear in time, any case)."""

    author: str | None = None
    match: str | None = None

    def __post_init__(self) -> None:
        """Refuse a rule that says nothing or cannot be read.

        Raises:
            BadOption: neither or both are given, or the pattern is broken or far too long.
        """
        if (self.author is None) is (self.match is None):
            raise BadOption("Say either an author or a pattern to forget, one at a time.")
        if not (self.author or self.match or "").strip():
            raise BadOption("An empty author or pattern would forget everything or nothing; name one.")
        if self.match is not None:
            if len(self.match) > LONGEST_PATTERN:
                raise BadOption(
                    f"The pattern has {len(self.match):,} characters; at most {LONGEST_PATTERN:,} are read."
                )
            try:
                _ = self._pattern
            except re2.error as error:
                raise BadOption(f"The pattern {self.match!r} cannot be read ({error}); mind the brackets.") from error

    def matches(self, author: str | None, forms: Sequence[str]) -> bool:
        """Whether a row is to be forgotten, by its author or by a form of its text (:func:`clean.every_form`)."""
        if self.author is not None:
            return author is not None and author_key(author) == author_key(self.author)
        return any(self._pattern.search(text) for text in forms)

    @cached_property
    def _pattern(self) -> Any:
        options = re2.Options()
        options.case_sensitive = False
        options.log_errors = False
        return re2.compile(self.match, options)

    def to_json(self) -> str:
        """One line of ``forget.jsonl``."""
        return json.dumps({"author": self.author} if self.author else {"match": self.match}, ensure_ascii=False)


def rules_for(path: Path) -> list[Rule]:
    """The rules that hold for a corpus file or folder.

    Raises:
        UnreadableCorpus: a list is damaged. Nothing is read then, lest a forgotten row come back.
    """
    lists: dict[Path, None] = {}
    for place in (path.absolute(), path.resolve()):  # a link obeys the lists where it stands and where it leads
        lists |= dict.fromkeys(parent / FORGET_FILE for parent in place.parents)
    if path.is_dir():
        lists |= dict.fromkeys(sorted(path.rglob(FORGET_FILE)))
    return list(dict.fromkeys(rule for file in lists for rule in _load(file)))


def remember(path: Path, rule: Rule) -> Path:
    """Write a rule into the list of a corpus, whole or not at all; returns the list."""
    file = (path if path.is_dir() else path.parent) / FORGET_FILE
    known = _load(file)
    if rule not in known:
        partial = file.with_name(f".{FORGET_FILE}.tmp")
        try:
            with partial.open("w", encoding="utf-8") as stream:
                stream.writelines(each.to_json() + "\n" for each in [*known, rule])
                stream.flush()
                os.fsync(stream.fileno())
            partial.replace(file)
        finally:
            partial.unlink(missing_ok=True)
    return file


def _load(file: Path) -> list[Rule]:
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError) as error:
        raise UnreadableCorpus(f"What {file} wants forgotten cannot be read ({error}); mend it.") from error
    rules: list[Rule] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                rules.append(Rule(**json.loads(line)))
            except (ValueError, TypeError, BadOption) as error:
                raise UnreadableCorpus(
                    f"Line {number} of {file} is no rule to forget by ({error}); mend it."
                ) from error
    return rules


def author_key(author: str) -> str:
    """What two spellings of one author's name have in common."""
    return author.strip().removeprefix("@").casefold()
