"""Does it contain a listed word, however it is dressed up?

Plain words are looked up in a table, so that the time does not grow with the list; wildcards and regular expressions
go through RE2, which is linear in the text.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import re2

from moderation.filters.base import Context
from moderation.normalise import Normalised, View, normalise
from moderation.verdict import Decision, Finding, Span
from moderation.words import Word, built_in, load

_TOKEN = re.compile(r"[^\W_]+|[$@&][^\W_]+(?:[$@&][^\W_]*)*|[\U0001f300-\U0001faff]")
_STRETCHED = re.compile(r"([^\W\d_])\1")
_HELD = re2.compile("|".join(letter * 2 for letter in "aiuhjkqvwxy"))  # doubles that are hardly ever meant
_MASK_HINT = re2.compile(r"[a-z][*#%^&@$_?!]+[a-z*#%^&@$]|[a-z][*#%^&@$]")
_RUN = re.compile(r"([^\W\d_])\1+")
_MASKED = re.compile(r"(?<![\w*#%^])[a-z][a-z0-9@$!]*[*#%^&@$!?_][a-z0-9*#%^&@$!?_]*")
_FRAMED = re.compile(r"[a-z0-9]*(?<![*_])(\*\*\*?|__)[^*_\s]{1,40}\1(?![*_])")
_MASKS = frozenset("*#%^&@$!?_")
_SAFE_DOUBLES = frozenset("aiuhjkqvwxy")  # a double of these is hardly ever meant
_MAX_FINDINGS = 20


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
    squeezed: dict[str, list[str]] = field(default_factory=dict)  # word with doubles made single → the words
    masked: dict[tuple[int, str], list[str]] = field(default_factory=dict)  # (length, first letter) → the words
    patterns: list[tuple[Any, Word]] = field(default_factory=list)
    allowed: Table = field(default_factory=dict)
    allowed_patterns: list[tuple[Any, Word]] = field(default_factory=list)
    gate: Any = None  # one RE2 set over all patterns: which of them are worth a look

    @classmethod
    def build(cls, words: Iterable[Word]) -> "Lexicon":
        """The tables for some words; a later entry for the same word wins over an earlier one."""
        lexicon = cls()
        latest = {(word.word, word.platforms, word.servers): word for word in words}
        for word in latest.values():
            lexicon._add(word)
        if lexicon.patterns:
            lexicon.gate = re2.Set.SearchSet()
            for pattern, _ in lexicon.patterns:
                lexicon.gate.Add(pattern.pattern)
            lexicon.gate.Compile()
        return lexicon

    def alone(self, token: str) -> list[Word]:
        """The entries that are this one word."""
        return [word for tokens, _, word in self.plain.get(token, ()) if tokens == (token,)]

    def _add(self, word: Word) -> None:
        folded = normalise(word.word).folded.text
        allow = word.tier == "allow"
        if word.expression is not None or _has_wildcard(word):
            source = word.expression if word.expression is not None else _wildcard(folded)
            pattern = re2.compile(f"(?i:{source})")
            (self.allowed_patterns if allow else self.patterns).append((pattern, word))
            return
        for form in dict.fromkeys((folded, normalise(word.word).text)):
            if len(form) != len(folded):
                continue  # xxx: the word view would make one letter of it
            tokens = tuple(_TOKEN.findall(form))
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
                    self.masked.setdefault((len(form), form[0]), []).append(form)


def _same_place(one: Word, two: Word) -> bool:
    return (one.policy_key, one.platforms, one.servers) == (two.policy_key, two.platforms, two.servers)


def _has_wildcard(word: Word) -> bool:
    """A star at either end; one inside a word (f*ck) is a mask that the word itself carries."""
    return word.word.startswith("*") or word.word.endswith("*")


def _wildcard(folded: str) -> str:
    body = r"\s+".join(re2.escape(part) for part in folded.strip("*").split()).replace(r"\*", r"\w*")
    before = r"\w*" if folded.startswith("*") else ""
    after = r"\w*" if folded.endswith("*") else ""
    return rf"\b{before}{body}{after}\b"


def _squeeze(word: str) -> str:
    return _RUN.sub(r"\1", word)


class WordlistFilter:
    """Listed words: built-in ones and the owner's, per platform and per server."""

    name = "wordlist"
    version = "1"

    def __init__(self, words: Iterable[Word]) -> None:
        """Entries in order; a later one wins over an earlier one for the same word."""
        self._lexicon = Lexicon.build(words)

    @classmethod
    def load(cls, path: Path | None = None) -> "WordlistFilter":
        """The built-in list, and the owner's file on top of it.

        Raises:
            WordlistError: a list cannot be read.
        """
        return cls((*built_in(), *(load(path).words if path is not None else ())))

    def judge(self, text: Normalised, context: Context) -> list[Finding]:
        """One finding for each listed word, the first time it stands there."""
        hits = list(self.hits(text, context))
        if not hits:
            return []
        found: list[tuple[str, Span, Finding]] = []
        # The widest first, so that a word is told once and whole, whatever reading it was found in.
        hits.sort(key=lambda hit: hit.span.start - hit.span.end)
        for hit in hits[: 4 * _MAX_FINDINGS]:
            if self._is_allowed(hit, context):
                continue
            category, span = hit.word.policy_key, hit.span
            if not any(kind == category and _overlap(span, other) for kind, other, _ in found):
                found.append((category, span, _finding(hit.word, span, text.original)))
        return [finding for _, _, finding in found[:_MAX_FINDINGS]]

    def hits(self, text: Normalised, context: Context) -> Iterator[Hit]:
        """Every listed word in every reading, allowed or not."""
        lexicon = self._lexicon
        for view in text.readings:
            plain = view is text.folded
            if not lexicon.plain.keys().isdisjoint(text.tokens if plain else _TOKEN.findall(view.text)):
                yield from (hit for hit in _look_up(lexicon.plain, view) if _applies(hit.word, context))
            if not plain or _HELD.search(view.text):
                yield from (hit for hit in _stretched(lexicon, view) if _applies(hit.word, context))
            if lexicon.gate is not None and (numbers := lexicon.gate.Match(view.text)):
                for number in numbers:
                    pattern, word = lexicon.patterns[number]
                    if _applies(word, context):
                        yield from (Hit(word, view, *match.span()) for match in pattern.finditer(view.text))
        if _MASK_HINT.search(text.folded.text):
            yield from (hit for hit in _masked(lexicon, text.folded) if _applies(hit.word, context))

    def _is_allowed(self, hit: Hit, context: Context) -> bool:
        """Whether an allowed word or phrase covers the hit."""
        allowed = _look_up(self._lexicon.allowed, hit.view)
        covers = [cover for cover in allowed if _applies(cover.word, context)]
        for pattern, word in self._lexicon.allowed_patterns:
            if _applies(word, context):
                covers += [Hit(word, hit.view, *match.span()) for match in pattern.finditer(hit.view.text)]
        return any(cover.start <= hit.start and hit.end <= cover.end for cover in covers)


def _overlap(one: Span, two: Span) -> bool:
    return one.start < two.end and two.start < one.end


def _applies(word: Word, context: Context) -> bool:
    return (not word.platforms or context.platform in word.platforms) and (
        not word.servers or context.server in word.servers
    )


def _look_up(table: Table, view: View) -> Iterator[Hit]:
    """Entries whose tokens stand in the view one after another."""
    places = list(_TOKEN.finditer(view.text))
    tokens = [place.group() for place in places]
    for index, token in enumerate(tokens):
        for wanted, at, word in table.get(token, ()):
            start = index - at
            end = start + len(wanted)
            if start >= 0 and tuple(tokens[start:end]) == wanted:
                yield Hit(word, view, places[start].start(), places[end - 1].end())


def _stretched(lexicon: Lexicon, view: View) -> Iterator[Hit]:
    """Words with letters held too long (assshoole, shiit), each run at least as long as in the listed word."""
    for place in _TOKEN.finditer(view.text):
        token = place.group()
        if not _STRETCHED.search(token) or token in lexicon.plain:
            continue
        span = view.span(*place.span())
        held = span.end - span.start > len(token)  # the view has shortened a run of three or more already
        for word in lexicon.squeezed.get(_squeeze(token), ()):
            if _is_stretch(token, word, held):
                yield from (Hit(entry, view, *place.span()) for entry in lexicon.alone(word))


def _is_stretch(token: str, word: str, held: bool) -> bool:
    runs = [(letter, len(list(group))) for letter, group in groupby(token)]
    wanted = [(letter, len(list(group))) for letter, group in groupby(word)]
    return all(
        length == want or (length > want and (held or length > 2 or letter in _SAFE_DOUBLES))
        for (letter, length), (_, want) in zip(runs, wanted, strict=True)
    )


def _masked(lexicon: Lexicon, view: View) -> Iterator[Hit]:
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


_REASONS = {
    "swearing": "It swears: “{}”.",
    "sexual-word": "It contains a sexual word: “{}”.",
    "slur": "It contains a slur: “{}”.",
    "minors": "It contains a word about sex with children: “{}”.",
    "held-word": "It contains a word that a person should look at: “{}”.",
    "blocked-word": "It contains a word that this bot never posts: “{}”.",
}


def _finding(word: Word, span: Span, original: str) -> Finding:
    reason = _REASONS.get(word.policy_key, "It contains a listed word: “{}”.").format(original[span.start : span.end])
    return Finding(WordlistFilter.name, word.policy_key, Decision.HOLD, reason, span)
