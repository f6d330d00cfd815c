"""The words of corpus reading: a row, a row left out, and what was sniffed."""

import hashlib
import json
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Row:
    """One post as it came in; one row becomes one training example."""

    text: str
    created_at: datetime | None = None  # aware, UTC
    author: str | None = None
    source: str = ""  # file it came from; inside an archive "archive.zip!data/tweets.js"
    source_id: str | None = None  # the post's own id there
    lang: str | None = None  # as its source says, ISO 639-1 where it does
    visibility: str = "public"  # "public", "unlisted"; anything else never becomes a row
    reply_to: str | None = None  # id or name it answers
    likes: int | None = None  # likes, score or reactions
    topic: str | None = None  # what the post was asked for: the prompt half of prompt/completion files
    unscrubbed: int | None = None  # hash of the text before the audit scrubbed it

    @property
    def hash(self) -> int:
        """64 bits of SHA-256 of the text as it was read: the row's identity in data cards and forget lists."""
        return text_hash(self.text) if self.unscrubbed is None else self.unscrubbed

    def with_text(self, text: str) -> Self:
        """The same row with another text."""
        return type(self)(text, *(getattr(self, name) for name in _NAMES[1:]))  # replace() is five times slower

    def scrubbed(self, text: str) -> Self:
        """The same row with parts of its text taken out; its hash stays."""
        return replace(self, text=text, unscrubbed=self.hash)

    def to_json(self) -> str:
        """One line of JSON, without the fields that say nothing."""
        found = {name: value for name in _NAMES if (value := getattr(self, name)) is not None}
        if self.created_at is not None:
            found["created_at"] = self.created_at.isoformat()
        return _ENCODER.encode(found)

    @classmethod
    def from_json(cls, line: str | bytes) -> Self:
        """The row that :meth:`to_json` wrote."""
        found: dict[str, Any] = json.loads(line)
        if found.get("created_at") is not None:
            found["created_at"] = datetime.fromisoformat(found["created_at"])
        return cls(**found)


_NAMES = tuple(field.name for field in fields(Row))
_ENCODER = json.JSONEncoder(ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Drop:
    """A row that was left out, and why."""

    reason: str  # a few words, the key of the count: "duplicate", "too short", "direct message"
    source: str
    number: int  # of the record within its source, from 1
    text: str  # its beginning, at most EXCERPT characters

    EXCERPT = 2000

    def to_json(self) -> str:
        """One line of JSON for ``--dropped``."""
        return json.dumps({field.name: getattr(self, field.name) for field in fields(self)}, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What a file was taken for, so that a person can say "no"."""

    source: str
    format: str  # "csv", "lines", "blocks", "fortunes", "jsonl", "x archive", …
    detail: str = ""  # one plain sentence: delimiter, encoding, why this column
    text_column: str | None = None
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # what was odd about it: cut off, stray bytes, unsafe names


def text_hash(text: str) -> int:
    """First 8 bytes of the text's SHA-256 as an unsigned number."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")


def shortened(text: str, most: int = 160) -> str:
    """A post on one line of at most so many characters, for people."""
    line = " ⏎ ".join(text.split("\n"))
    return line if len(line) <= most else line[: most - 1] + "…"
