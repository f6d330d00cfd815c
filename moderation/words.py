"""Word lists as data: the built-in one, the owner's file, and who changed what in it.

The built-in words are those that the installed package glin-profanity carries; `tiers.toml` says what we make of
them. The owner's file is TOML, one `[[word]]` table each, and keeps what was taken out as `[[removed]]`. It may be
edited from several threads and processes at once: each edit holds a lock from reading to writing.
"""

import hashlib
import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import re2
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from moderation.errors import WordlistError, WordRefused

BUILT_IN = "built-in"  # who put in the words that come with the package
TIERS = ("block", "hold", "allow")
_ENDINGS = ("s", "es", "ed", "er", "ers", "ing", "ings", "y")
_OWNER_CATEGORY = {"block": "blocked-word", "hold": "held-word", "allow": "allowed-word"}
_WORD_LIMIT = 200  # characters
_HISTORY = 500  # removals kept of one server's own list, so that its moderators cannot fill the disk
_PATIENCE = 10.0  # seconds to wait for others who edit the file


@dataclass(frozen=True, slots=True)
class Word:
    """One entry of a list. `word` is plain, has `*` for any letters, or is a regular expression between slashes."""

    word: str
    tier: str  # "block", "hold" or "allow"
    platforms: tuple[str, ...] = ()  # only there; everywhere when empty
    servers: tuple[str, ...] = ()  # only in these Discord servers; everywhere when empty
    by: str = ""  # who put it in
    at: datetime | None = None  # when
    why: str = ""
    category: str = ""  # the policy's key; the tier's own when empty

    @property
    def policy_key(self) -> str:
        """The category of a finding on this word."""
        return self.category or _OWNER_CATEGORY[self.tier]

    @property
    def expression(self) -> str | None:
        """The regular expression of a `/…/` word, else None."""
        return self.word[1:-1] if len(self.word) > 2 and self.word[0] == self.word[-1] == "/" else None

    @property
    def is_pattern(self) -> bool:
        """Whether it is more than a plain word: an expression, or a star at either end."""
        return self.expression is not None or self.word.startswith("*") or self.word.endswith("*")

    @property
    def mark(self) -> str:
        """16 hexadecimal digits that name this word in these places, whoever put it in."""
        return _digest([_key(self)], 16)


@dataclass(frozen=True, slots=True)
class OwnList:
    """The owner's file: words in force, and words taken out with who and when."""

    words: tuple[Word, ...] = ()
    removed: tuple[Word, ...] = ()


@cache
def built_in() -> tuple[Word, ...]:
    """The built-in list. Raises WordlistError when the package that carries the words is missing."""
    try:
        source = resources.files("glin_profanity").joinpath("data", "dictionaries", "english.json")
        listed: list[str] = json.loads(source.read_text("utf-8"))["words"]
    except (ImportError, OSError, KeyError, ValueError) as error:
        raise WordlistError(f"The built-in word list is missing ({error}); install glin-profanity again.") from None
    tiers = tomllib.loads(resources.files("moderation").joinpath("tiers.toml").read_text("utf-8"))
    mild = set(tiers["mild"])
    category = {word: name for name in ("swearing", "slur", "held-word", "minors") for word in tiers[name]}
    listed.sort(key=lambda word: not word.replace(" ", "").isalpha())  # of several spellings the plain one is shown
    words = [_built_in(word, category.get(word, "sexual-word")) for word in listed if word not in mild]
    words += [_built_in(stem, category[stem.strip("*")]) for stem in tiers["stems"]]
    words += [
        _built_in(form, category.get(word, "sexual-word")) for word in tiers["endings"] for form in _inflected(word)
    ]
    allowed = [Word(word, "allow", by=BUILT_IN) for word in tiers["allowed"]]
    return (*words, *allowed)


def _built_in(word: str, category: str) -> Word:
    return Word(word, "block" if category in {"slur", "minors"} else "hold", by=BUILT_IN, category=category)


def _inflected(word: str) -> list[str]:
    """The usual endings of an English word, with a dropped e or a doubled consonant where spelling asks for it."""
    stem = word.removesuffix("e")
    double = word + word[-1] if re.search(r"[^aeiou][aeiou][bdgmnpt]$", word) else stem
    return [word + "s", *(double + ending for ending in _ENDINGS[1:])]


def load(path: Path) -> OwnList:
    """The owner's list; an absent file is an empty list.

    Raises:
        WordlistError: the file cannot be read, is not TOML, or a word in it is wrong.
    """
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return OwnList()
    except (OSError, UnicodeDecodeError) as error:
        raise WordlistError(f"The word list {path} cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise WordlistError(f"The word list {path} is not valid TOML: {error}.") from None
    return OwnList(_rows(data, "word", path), _rows(data, "removed", path))


def _rows(data: Mapping[str, Any], table: str, path: Path) -> tuple[Word, ...]:
    rows = data.get(table, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise WordlistError(f"In {path}, “{table}” is not a list of words; each begins with a line [[{table}]].")
    return tuple(_read(row, f"{table} {number} of {path}") for number, row in enumerate(rows, 1))


def _read(row: Mapping[str, Any], where: str) -> Word:
    try:
        word = Word(**_Row.model_validate(row).model_dump())
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(str(part) for part in problem["loc"])
        raise WordlistError(f"In {where}, {name} is wrong: {problem['msg']}.") from None
    try:
        check(word, where)
    except WordRefused as error:
        raise WordlistError(str(error)) from None
    return word


class _Row(BaseModel):
    """One table of the file, checked."""

    model_config = ConfigDict(extra="forbid")

    word: str
    tier: str
    platforms: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    by: str = ""
    at: datetime | None = None
    why: str = ""


def check(word: Word, where: str) -> None:
    """Raises WordRefused, naming `where`, when a word cannot be matched or kept, or its tier is unknown."""
    if not word.word.strip(" *") or len(word.word) > _WORD_LIMIT:
        raise WordRefused(f"The entry in {where} must be 1 to {_WORD_LIMIT} characters with a letter among them.")
    if word.tier not in TIERS:
        raise WordRefused(f'The tier of {where} is "{word.tier}"; it must be block, hold or allow.')
    if any("\ud800" <= character <= "\udfff" for character in word.word + word.why):
        raise WordRefused(f"The entry in {where} holds half a character; type it again.")
    if word.expression is not None:
        try:
            re2.compile(word.expression, _options())
        except re2.error as error:
            problem = error.args[0].decode() if isinstance(error.args[0], bytes) else error
            raise WordRefused(f"The regular expression in {where} is wrong: {problem}.") from None


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    return options


def add(path: Path, word: Word, *, who: str, now: datetime, most: int | None = None) -> OwnList:
    """Put a word into the owner's file; the list as it is then.

    An entry with the same word and places is taken out for it. `most` is how many entries these servers may have.

    Raises:
        WordRefused: the word is wrong, or the list is full.
        WordlistError: the file is wrong, or cannot be written.
    """
    check(word, f"“{word.word}”")
    with _editing(path) as own:
        before = tuple(each for each in own.words if _key(each) == _key(word))
        kept = tuple(each for each in own.words if _key(each) != _key(word))
        if most is not None and sum(each.servers == word.servers for each in kept) >= most:
            raise WordRefused(f"The list is full at {most} words; take one out first.")
        added = replace(word, by=who, at=now.astimezone(UTC))
        return _save(path, OwnList((*kept, added), (*own.removed, *_signed(before, who, now))))


def remove(
    path: Path, word: str, *, who: str, now: datetime, only: Callable[[Word], bool] = lambda entry: True
) -> OwnList:
    """Take entries of a word out of the owner's file, keeping who did it and when; the list as it is then.

    `only` says which of its entries; all of them without it.

    Raises:
        WordRefused: there is no such entry.
        WordlistError: the file is wrong, or cannot be written.
    """
    with _editing(path) as own:
        gone = tuple(each for each in own.words if each.word == word and only(each))
        if not gone:
            hint = "to let a built-in word through, add it with the tier allow"
            raise WordRefused(f"“{word}” is not on the list; {hint}.")
        kept = tuple(each for each in own.words if each not in gone)
        return _save(path, OwnList(kept, (*own.removed, *_signed(gone, who, now))))


def shared(words: Iterable[Word]) -> str:
    """8 hexadecimal digits that change when the owner's words that count on every server do; empty without any."""
    counting = sorted((*_key(word), word.tier, word.category) for word in words if not word.servers)
    return _digest(counting, 8) if counting else ""


def _digest(values: list[Any], digits: int) -> str:
    return hashlib.sha256(repr(values).encode("utf-8", "replace")).hexdigest()[:digits]


def _signed(words: tuple[Word, ...], who: str, now: datetime) -> tuple[Word, ...]:
    return tuple(replace(each, by=who, at=now.astimezone(UTC)) for each in words)


def _key(word: Word) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    return (word.word, word.platforms, word.servers)


@contextmanager
def _editing(path: Path) -> Iterator[OwnList]:
    """The list as it stands, which nobody else edits until the block ends; other threads and processes wait."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=_PATIENCE):
            yield load(path)
    except Timeout:
        raise WordlistError(f"Somebody else has been editing {path} for {_PATIENCE:g} seconds; try again.") from None
    except OSError as error:
        raise WordlistError(f"The word list {path} cannot be written: {error}.") from None


def _save(path: Path, own: OwnList) -> OwnList:
    """Write the owner's file whole, then put it in place; what was written."""
    own = replace(own, removed=_recent(own.removed))
    tables = [("word", word) for word in own.words] + [("removed", word) for word in own.removed]
    text = (
        "# Our own words. Tiers: block, hold, allow. Edit by hand, by `confess gate words`, /words or the web page.\n"
    )
    text += "".join(f"\n[[{name}]]\n{_table(word)}" for name, word in tables)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)
    return own


def _recent(removed: tuple[Word, ...]) -> tuple[Word, ...]:
    """Every removal, but of each server's own list the newest few hundred only."""
    seen: Counter[tuple[str, ...]] = Counter()
    kept = []
    for word in reversed(removed):
        seen[word.servers] += 1
        if not word.servers or seen[word.servers] <= _HISTORY:
            kept.append(word)
    return tuple(reversed(kept))


def _table(word: Word) -> str:
    lines = [f"word = {_string(word.word)}", f"tier = {_string(word.tier)}"]
    for name, values in (("platforms", word.platforms), ("servers", word.servers)):
        if values:
            lines.append(f"{name} = [{', '.join(map(_string, values))}]")
    if word.by:
        lines.append(f"by = {_string(word.by)}")
    if word.at is not None:
        lines.append(f"at = {word.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    if word.why:
        lines.append(f"why = {_string(word.why)}")
    return "\n".join(lines) + "\n"


def _string(value: str) -> str:
    """A TOML basic string: JSON's escapes are TOML's, but for the delete character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
