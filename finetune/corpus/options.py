"""The choices a person has when a corpus is read, checked before a byte is."""

import codecs
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import NamedTuple

from finetune.errors import BadOption

LEAST_CHARACTERS = 6_000  # under this a voice cannot be learned: refuse
FEW_CHARACTERS = 40_000  # under this the model soon recites: warn

# Layouts a person may name; archives are known by what is in them.
FORMATS = ("csv", "tsv", "lines", "blocks", "fortunes", "marks", "json", "jsonl")
_NO_FLAG = {"near", "least_characters"}


class Progress(NamedTuple):
    """How far a long step is."""

    stage: str  # "reading", "duplicates", "judging"
    done: int  # bytes for "reading", rows or passes otherwise
    total: int
    rows: int  # rows seen so far


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a corpus is read and cleaned. The defaults suit short posts."""

    format: str | None = None  # one of FORMATS; None sniffs it
    text_column: str | None = None  # column (or JSON field) with the post; None guesses it
    encoding: str | None = None  # a Python codec name; None sniffs it
    keep_urls: bool = False
    keep_mentions: bool = False  # the mentions a reply begins with
    keep_replies: bool = False  # replies to other people, where the source tells
    keep_near_duplicates: bool = False
    near: float = 0.8  # Jaccard similarity of 5-character shingles from which two posts are the same
    shortest: int = 12  # characters after cleaning
    longest: int = 1_000
    languages: tuple[str, ...] = ()  # ISO 639-1; empty takes all
    authors: tuple[str, ...] = ()  # only theirs, where the source tells; empty takes all
    keep: tuple[str, ...] = ()  # categories of the gate whose rows the audit leaves as they are
    scrub: tuple[str, ...] = ()  # … whose marked parts it replaces by "…"
    drop: tuple[str, ...] = ()  # … whose rows it drops
    least_characters: int = LEAST_CHARACTERS  # refuse a corpus with fewer; 0 never refuses

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            BadOption: a value is out of range, or two are in conflict.
        """
        if self.format is not None and self.format not in FORMATS:
            raise BadOption(f"There is no format {self.format!r}; choose one of {', '.join(FORMATS)}, or leave it out.")
        if self.encoding is not None and not _is_codec(self.encoding):
            raise BadOption(f"Python knows no encoding {self.encoding!r}; try utf-8, cp1252, utf-16 or shift_jis.")
        if self.shortest > self.longest:
            raise BadOption(
                f"shortest ({self.shortest}) is above longest ({self.longest}), so no post could stay; swap them."
            )
        for code in self.languages:
            if len(code) != 2 or not code.isalpha() or not code.islower():
                raise BadOption(f"{code!r} is no language code; give two letters of ISO 639-1, such as en or de.")
        named = [*self.keep, *self.scrub, *self.drop]
        twice = next((category for category in named if named.count(category) > 1), None)
        if twice is not None:
            raise BadOption(f"{twice} is named twice among keep, scrub and drop; choose one.")
        if self.shortest < 1:
            raise BadOption(f"shortest is {self.shortest}; an empty post teaches nothing, give 1 or more.")
        if not 0.5 <= self.near <= 1:
            raise BadOption(f"near is {self.near}; give a similarity between 0.5 (loose) and 1 (only identical).")

    def flags(self) -> dict[str, list[str]]:
        """What is not as by default, as flag of the command line → its values, none for a switch.

        A flag that may be given several times is in the singular, its field in the plural.
        """
        found = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in _NO_FLAG and value != field.default:
                values = sorted(value) if isinstance(value, tuple) else [] if value is True else [str(value)]
                found["--" + field.name.removesuffix("s" if isinstance(value, tuple) else "").replace("_", "-")] = (
                    values
                )
        return found


def _is_codec(name: str) -> bool:
    try:
        return codecs.lookup(name)._is_text_encoding
    except LookupError:
        return False
