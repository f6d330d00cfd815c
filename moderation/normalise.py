"""Read a text as a person would, whatever was done to hide it, and remember where each character came from.

`normalise` is linear in the length of the text and never raises. A text has several views, each a string with a
map back to the original characters, so that a filter can mark what the author really typed:

- `folded`: one character at a time. Case, NFKC, accents, look-alikes, emoji letters, invisible characters, and
  right-to-left overrides put the way they show. Digits and punctuation stay: for filters that read numbers.
- `text`: words as they sound. Besides, markup inside words goes, spaced and dotted letters close up, leetspeak
  becomes letters, and stretched letters shrink: for filters that read words.
- `readings`: `text` and the other plausible readings of an ambiguous text, for filters that look words up.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from string import ascii_lowercase

import re2

from moderation.lookalikes import Lookalikes, bars
from moderation.verdict import Span

_LOOKALIKES = Lookalikes()
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_OVERRIDE = re.compile("\u202e([^\u202c\u2069\n]*)")

_MARK = r"(?:[*_~\\`]++|\|\|++|</?[a-z]{1,10}>)"  # possessive: a run of marks is looked at once, not from each of them
_MARKUP = re.compile(rf"(?<=[a-z]){_MARK}|(?<![*_~\\`|]){_MARK}(?=[a-z])")
_SPACED = re.compile(
    r"(?<![a-z0-9@$'])[a-z0-9@$]( {1,3}|\n| ?[.\-_*,/|~+] ?)[a-z0-9@$](?:(?:\1| {2,4})[a-z0-9@$](?![a-z0-9@$']))+"
)
_ARTICLE = re.compile(r"^[ai] (?=[^ ] [^ ] )|(?<= [^ ] [^ ]) [ai]$")
_GAP = re.compile(r"[^a-z0-9@$]+")
_LEET_HINT = re.compile(r"[a-z][0-9@$!|+€¢]|[0-9@$|€¢][a-z]")
_LEET_TOKEN = re.compile(r"[a-z0-9@$!|+€¢]{3,}")
_LEET_ALIKE = str.maketrans({"0": "o", "3": "e", "4": "a", "5": "s", "6": "g", "7": "t", "8": "b", "9": "g"}) | (
    str.maketrans({"@": "a", "$": "s", "€": "e", "¢": "c", "+": "t"})
)
_BAR_SIGN = re.compile(r"[1!|]")
_MEASURE = re.compile(r"[$€¢]?\d+(?:st|nd|rd|th|s|am|pm|k|m|g|kg|cm|mm|km|mph|x|p|ft|in|lbs?|oz|h|hrs?|mins?|yrs?|ish)")
_RUN = re.compile(r"([^\W\d_])\1\1+")
_NEVER_DOUBLE = frozenset("aiuhjkqvwxy")  # in English a double of these is hardly ever meant
_DOUBLE_AT_END = frozenset("lsfzeo")
# Whatever a step below could act on. Plain prose has none of it, and skips them all; RE2 finds out in two microseconds.
_ODD = re2.compile(
    r"[*_~\\`|<@$€¢+]|[a-z][0-9!][a-z0-9]|[0-9][a-z]"
    r"|(?:^|[^a-z0-9'])[a-z0-9](?:[ \n.,\-/]{1,4}[a-z0-9]){2}(?:$|[^a-z0-9'])"
    r"|(?:^|[^a-z0-9'])[b-hj-z](?:$|[^a-z0-9'])|" + "|".join(letter * 3 for letter in ascii_lowercase)
)
_TOKEN = re.compile(r"[^\W_]+")
_CAPITAL_INSIDE = re.compile(r"(?<=[a-z])I(?=[a-z])")
_STRAY_BEFORE = re.compile(r"(?<![\w'])[b-hj-z]( )(?=[a-z]{3})")
_STRAY_AFTER = re.compile(r"(?<=[a-z]{3})( )(?=[b-hj-z](?![\w']))")
_VOWELS = frozenset("aeiou")


@dataclass(frozen=True, slots=True)
class View:
    """One reading of a text: `origin[i]` is the original index of `text[i]`."""

    text: str
    origin: Sequence[int]

    def span(self, start: int, end: int) -> Span:
        """Where `text[start:end]` lies in the original; an empty range gives an empty span."""
        if isinstance(self.origin, range):
            return Span(start, min(end, len(self.text)))
        places = self.origin[start:end]
        if not places:
            at = self.origin[start] if start < len(self.origin) else (self.origin[-1] + 1 if self.origin else 0)
            return Span(at, at)
        return Span(min(places), max(places) + 1)

    def without(self, gaps: Iterable[tuple[int, int]]) -> "View":
        """This view with some ranges cut out; they come in order and do not overlap."""
        texts: list[str] = []
        origin: list[int] = []
        at = 0
        for start, end in gaps:
            texts.append(self.text[at:start])
            origin.extend(self.origin[at:start])
            at = end
        if not texts:
            return self
        texts.append(self.text[at:])
        origin.extend(self.origin[at:])
        return View("".join(texts), origin)


@dataclass(frozen=True)
class Normalised:
    """A text and its views. `text`, `origin` and `span` are those of the word view."""

    original: str
    folded: View

    @cached_property
    def words(self) -> View:
        """The word view: markup, spacing, leetspeak and stretching undone."""
        if self._is_plain:
            return self.folded
        return _squeeze(_unleet(_close_up(_unmark(self.folded))))

    @cached_property
    def _is_plain(self) -> bool:
        """Whether the word view and the folded one are the same, and the only reading."""
        folded = self.folded.text
        return folded.isascii() and not _ODD.search(folded) and not self.bars

    @cached_property
    def bars(self) -> frozenset[int]:
        """Original indices of bare strokes, each of which may be an i or an l: shIt, bu𝐥l."""
        text = self.original
        places = {match.start() for match in _CAPITAL_INSIDE.finditer(text)} if "I" in text else set()
        if not text.isascii() and not bars().isdisjoint(text):
            places |= {place for place, character in enumerate(text) if character in bars()}
        return frozenset(places)

    @cached_property
    def is_stretched(self) -> bool:
        """Whether some letter stands three times in a row."""
        return not self._is_plain and _RUN.search(self.folded.text) is not None

    @cached_property
    def tokens(self) -> list[str]:
        """Letters and digits between everything else, in the folded view: what a word filter looks at first."""
        return _TOKEN.findall(self.folded.text)

    @property
    def text(self) -> str:
        """The text of the word view."""
        return self.words.text

    @property
    def origin(self) -> Sequence[int]:
        """Index in `text` → index in `original`."""
        return self.words.origin

    def span(self, start: int, end: int) -> Span:
        """Where `text[start:end]` lies in the original."""
        return self.words.span(start, end)

    @cached_property
    def readings(self) -> tuple[View, ...]:
        """The distinct plausible readings, most likely first: at most seven."""
        if self._is_plain:
            return (self.folded,)
        unmarked = _unmark(self.folded)
        views = [
            self.words,
            _unmark(self.folded, underscores=False),
            _squeeze(_unleet(_close_up(unmarked, article=True))),
        ]
        if _BAR_SIGN.search(unmarked.text):
            views.append(_squeeze(_unleet(_close_up(unmarked), other_one=True)))
        if self.bars:
            views.append(_flipped(self.words, self.bars))
        views += [self.words.without(match.span(1) for match in stray.finditer(self.words.text)) for stray in _STRAYS]
        distinct: dict[str, View] = {}
        for view in views:
            distinct.setdefault(view.text, view)
        return tuple(distinct.values())


_STRAYS = (_STRAY_BEFORE, _STRAY_AFTER)


def normalise(text: str) -> Normalised:
    """The views of a text, in time linear in its length. Never raises."""
    return Normalised(text, _fold(text))


def _fold(text: str) -> View:
    """Each character as it reads: the first view."""
    if text.isascii() and not _CONTROL.search(text):
        return View(text.lower(), range(len(text)))
    order: Sequence[int] = range(len(text))
    if "\u202e" in text:
        order = _as_shown(text)
    read = _LOOKALIKES
    pieces = [read[text[index]] for index in order]
    folded = "".join(pieces)
    if len(folded) == len(text) and isinstance(order, range) and "" not in pieces:
        return View(folded, order)
    return View(folded, [index for index, piece in zip(order, pieces, strict=True) for _ in piece])


def _as_shown(text: str) -> list[int]:
    """Original indices in the order in which right-to-left overrides show them."""
    order = list(range(len(text)))
    for match in _OVERRIDE.finditer(text):
        start, end = match.span(1)
        order[start:end] = range(end - 1, start - 1, -1)
    return order


def _unmark(view: View, *, underscores: bool = True) -> View:
    """Markdown, escapes and HTML tags inside a word, gone: f**u**ck. A single underscore may be a border instead."""
    marks = (match.span() for match in _MARKUP.finditer(view.text) if underscores or match.group() != "_")
    return view.without(marks)


def _close_up(view: View, *, article: bool = False) -> View:
    """Letters set apart by spaces, dots or dashes, closed up: f u c k, s.h.i.t. Wider gaps stay as one space.

    With `article`, an a or i at either end of letters set apart by spaces is taken for a word: a f u c k.
    """
    gaps: list[tuple[int, int]] = []
    for match in _SPACED.finditer(view.text):
        run = match.group()
        signs = [character for character in run if character.isalnum() or character in "@$"]
        letters = sum(character.isalpha() for character in signs)
        if letters < 2 or (letters == 2 and len(signs) < 4):
            continue  # 1 2 3 4: a number, not a word
        first, last = 0, len(run)
        if article and (alone := _ARTICLE.search(run)):
            first, last = (alone.end(), last) if alone.start() == 0 else (first, alone.start())
        seams = [seam.span() for seam in _GAP.finditer(run) if first <= seam.start() and seam.end() <= last]
        narrow = min(end - start for start, end in seams)
        for start, end in seams:
            wide = end - start > narrow and " " in run[start:end]
            gaps.append((match.start() + start + wide, match.start() + end))
    return view.without(gaps)


def _flipped(view: View, places: frozenset[int]) -> View:
    """The view with i for l, and l for i, where the original has one of some places."""
    other = {"i": "l", "l": "i"}
    letters = [
        other.get(letter, letter) if index in places else letter
        for letter, index in zip(view.text, view.origin, strict=True)
    ]
    return View("".join(letters), view.origin)


def _unleet(view: View, *, other_one: bool = False) -> View:
    """Digits and signs among letters, as the letters they stand for: sh1t, a$$hole, pr0n.

    `1`, `!` and `|` read as l beside a vowel and i elsewhere; `other_one` reads them the other way.
    """
    if not _LEET_HINT.search(view.text):
        return view
    text = _LEET_TOKEN.sub(lambda match: _letters(match.group(), other_one), view.text)
    return view if text == view.text else View(text, view.origin)


def _letters(token: str, other_one: bool) -> str:
    body = token.rstrip("!|+")
    letters = sum(character.isalpha() for character in body)
    signs = sum(character in "@$!|€" for character in body)  # nobody writes these among letters by chance
    if not letters or letters + signs < 2 or letters == len(body) or _MEASURE.fullmatch(body):
        return token
    read = list(body.translate(_LEET_ALIKE))
    for index, character in enumerate(read):
        if character in "1!|":
            beside = (read[index - 1] if index else "") + (read[index + 1] if index + 1 < len(read) else "")
            read[index] = "l" if bool(_VOWELS.intersection(beside)) is not other_one else "i"
    return "".join(read) + token[len(body) :]


def _squeeze(view: View) -> View:
    """Stretched letters at the length a speller would give them: fuuuck, shiiittt."""
    if not _RUN.search(view.text):
        return view
    text = view.text
    gaps: list[tuple[int, int]] = []
    for match in _RUN.finditer(text):
        start, end = match.span()
        letter = text[start]
        ends_word = end == len(text) or not text[end].isalpha()
        starts_word = start == 0 or not text[start - 1].isalpha()
        single = starts_word or letter in _NEVER_DOUBLE or (ends_word and letter not in _DOUBLE_AT_END)
        kept = 1 if single else 2
        # The outermost letters stay, so that a span covers the whole of a stretched end.
        gaps.append((start, end - kept) if ends_word else (start + kept, end))
    return view.without(gaps)
