"""Listed words as tables, and the ways of finding them in a view: as they are, stretched, starred."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from string import ascii_lowercase
from typing import Any

import re2

from moderation.errors import WordlistError
from moderation.normalise import normalise
from moderation.spelling import runs, vocabulary
from moderation.verdict import Span
from moderation.view import View
from moderation.words import Word

TOKEN = re.compile(r"[^\W_]+|[$@&][^\W_]+(?:[$@&][^\W_]*)*|[\U0001f300-\U0001faff]")
_STRETCHED = re.compile(r"([^\W\d_])\1")
# Doubles that are hardly ever meant, and anything three times in a row.
HELD = re2.compile("|".join([*(letter * 2 for letter in "aiuhjkqvwxy"), *(letter * 3 for letter in ascii_lowercase)]))
MASK_HINT = re2.compile(r"[a-z][*#%^&@$_?!]+[a-z*#%^&@$]|[a-z][*#%^&@$]")
_RUN = re.compile(r"([^\W\d_])\1+")
_MASKED = re.compile(r"(?<![\w*#%^])[a-z][a-z0-9@$!]*[*#%^&@$!?_][a-z0-9*#%^&@$!?_]*")
_FRAMED = re.compile(r"[a-z0-9]*(?<![*_])(\*\*\*?|__)[^*_\s]{1,40}\1(?![*_])")
_MASKS = frozenset("*#%^&@$!?_")
_SEAM = re.compile(r"[ \n\t]{1,3}|[.\-_/]")  # what a word is split by
_HALVES = frozenset({"ass", "arse"})  # known words that are halves of listed ones: ass hole, dumb ass
_SAFE_DOUBLES = frozenset("aiuhjkqvwxy")  # a double of these is hardly ever meant


@dataclass(frozen=True, slots=True)
class Hit:
    """One listed word found: where in which view."""

    word: Word
    view: View
    start: int
    end: int

    @property
    def span(self) -> Span:
        """Where it lies in the original."""
        return self.view.span(self.start, self.end)


Table = dict[str, list[tuple[tuple[str, ...], int, Word]]]  # rarest token → all tokens, its place in them, entry


@dataclass
class Lexicon:
    """The tables that one set of words is looked up in."""

    plain: Table = field(default_factory=dict)
    single: set[str] = field(default_factory=set)  # listed words of four letters and more that are one word
    squeezed: dict[str, list[str]] = field(default_factory=dict)  # word with doubles made single → the words
    masked: dict[tuple[int, str], list[str]] = field(default_factory=dict)  # (length, first letter) → the words
    patterns: list[tuple[Any, Word]] = field(default_factory=list)
    allowed: Table = field(default_factory=dict)
    allowed_patterns: list[tuple[Any, Word]] = field(default_factory=list)
    sets: list[tuple[int, Any]] = field(default_factory=list)  # (number of its first pattern, RE2 set): worth a look?

    @classmethod
    def build(cls, words: Iterable[Word]) -> "Lexicon":
        """The tables for some words; a later entry for the same word wins over an earlier one.

        Raises:
            WordlistError: a pattern is too large.
        """
        lexicon = cls()
        latest = {(word.word, word.platforms, word.servers): word for word in words}
        for word in latest.values():
            lexicon._add(word)
        if lexicon.patterns:
            lexicon.sets = list(_sets([pattern.pattern for pattern, _ in lexicon.patterns], 0))
        return lexicon

    def worth_a_look(self, text: str) -> Iterator[tuple[Any, Word]]:
        """The patterns that stand somewhere in a text."""
        for first, patterns in self.sets:
            yield from (self.patterns[first + number] for number in patterns.Match(text) or ())

    def alone(self, token: str) -> list[Word]:
        """The entries that are this one word."""
        return [word for tokens, _, word in self.plain.get(token, ()) if tokens == (token,)]

    def _add(self, word: Word) -> None:
        folded = normalise(word.word).folded.text
        allow = word.tier == "allow"
        if word.is_pattern:  # a star inside a word (f*ck) is a mask that the word itself carries
            source = word.expression if word.expression is not None else _wildcard(folded)
            pattern = re2.compile(f"(?i:{source})")
            (self.allowed_patterns if allow else self.patterns).append((pattern, word))
            return
        for form in dict.fromkeys((folded, normalise(word.word).text)):
            if len(form) != len(folded):
                continue  # xxx: the word view would make one letter of it
            tokens = tuple(TOKEN.findall(form))
            if not tokens or "".join(tokens) != re.sub(r"[\s\-']", "", form):
                continue  # f*ck: a spelling that the readings or the masks undo
            table = self.allowed if allow else self.plain
            rarest = max(tokens, key=len)  # long words are rare ones, so that most texts hold none of these
            entries = table.setdefault(rarest, [])
            if any(known == tokens and _same_place(word, other) for known, _, other in entries):
                continue  # another spelling of a word that is there already
            entries.append((tokens, tokens.index(rarest), word))
            if len(tokens) == 1 and not allow:
                self.squeezed.setdefault(_squeeze(form), []).append(form)
                if len(form) >= 4:
                    self.single.add(form)
                    self.masked.setdefault((len(form), form[0]), []).append(form)


def _sets(sources: list[str], first: int) -> Iterator[tuple[int, Any]]:
    """RE2 sets over the patterns, as few as their memory limit allows."""
    together = re2.Set.SearchSet()
    for source in sources:
        together.Add(source)
    try:
        together.Compile()
    except re2.error:
        half = len(sources) // 2
        if half == 0:
            raise WordlistError(f"The pattern {sources[0]} is too large; make it simpler.") from None
        yield from _sets(sources[:half], first)
        yield from _sets(sources[half:], first + half)
    else:
        yield first, together


def _same_place(one: Word, two: Word) -> bool:
    return (one.policy_key, one.platforms, one.servers) == (two.policy_key, two.platforms, two.servers)


def _wildcard(folded: str) -> str:
    body = r"\s+".join(re2.escape(part) for part in folded.strip("*").split()).replace(r"\*", r"\w*")
    before = r"\w*" if folded.startswith("*") else ""
    after = r"\w*" if folded.endswith("*") else ""
    return rf"\b{before}{body}{after}\b"


def _squeeze(word: str) -> str:
    return _RUN.sub(r"\1", word)


def look_up(table: Table, view: View) -> Iterator[Hit]:
    """Entries whose tokens stand in the view one after another."""
    places = list(TOKEN.finditer(view.text))
    tokens = [place.group() for place in places]
    for index, token in enumerate(tokens):
        for wanted, at, word in table.get(token, ()):
            start = index - at
            end = start + len(wanted)
            if start >= 0 and tuple(tokens[start:end]) == wanted:
                yield Hit(word, view, places[start].start(), places[end - 1].end())


def split(lexicon: Lexicon, tokens: Sequence[str], view: View) -> Iterator[Hit]:
    """Words split in two (fu ck, ass-hole). `tokens` are those of the view.

    Two words that the vocabulary knows stay two words, so that nobody's pen is taken for something else.
    """
    known = vocabulary()
    halves = {
        (one, two)
        for one, two in pairwise(tokens)
        if one + two in lexicon.single and (one not in known or two not in known or one in _HALVES or two in _HALVES)
    }
    if not halves:
        return
    text = view.text
    for left, right in pairwise(TOKEN.finditer(text)):
        if (left.group(), right.group()) in halves and _SEAM.fullmatch(text, left.end(), right.start()):
            start, end = left.start(), right.end()
            if text[start - 1 : start] != "'" and text[end : end + 1] != "'":  # it's hit
                yield from (Hit(word, view, start, end) for word in lexicon.alone(left.group() + right.group()))


def stretched(lexicon: Lexicon, view: View) -> Iterator[Hit]:
    """Words with letters held too long (assshoole, shiit), each run at least as long as in the listed word."""
    for place in TOKEN.finditer(view.text):
        token = place.group()
        if not _STRETCHED.search(token) or token in lexicon.plain:
            continue
        for word in lexicon.squeezed.get(_squeeze(token), ()):
            if _is_stretch(token, word):
                yield from (Hit(entry, view, *place.span()) for entry in lexicon.alone(word))


def _is_stretch(token: str, word: str) -> bool:
    held = [(letter, len(list(group))) for letter, group in groupby(token)]
    return all(
        length == want or (length > want and (length > 2 or letter in _SAFE_DOUBLES))
        for (letter, length), want in zip(held, runs(word), strict=True)
    )


def masked(lexicon: Lexicon, view: View) -> Iterator[Hit]:
    """Words with letters starred out (f*ck, s**t, n****r), with half of the letters or both ends showing."""
    for place in _MASKED.finditer(view.text):
        bare = place.group().rstrip("!?")
        if _FRAMED.match(view.text, place.start()):
            continue  # sh**o**t: markdown, which the word view takes off
        for token in dict.fromkeys((bare, bare.rstrip("".join(_MASKS)))):
            shown = sum(letter not in _MASKS for letter in token)
            framed = token[0] not in _MASKS and token[-1] not in _MASKS
            if shown == len(token) or shown < 2 or (2 * shown < len(token) and not framed):
                continue
            for word in lexicon.masked.get((len(token), token[0]), ()):
                if all(seen == letter or seen in _MASKS for seen, letter in zip(token, word, strict=True)):
                    end = place.start() + len(token)
                    yield from (Hit(entry, view, place.start(), end) for entry in lexicon.alone(word))
