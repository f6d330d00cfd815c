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
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from moderation.lookalikes import Lookalikes, bars
from moderation.undo import ODD, close_up, flipped, is_stretched, settle, squeeze, strays_joined, unleet, unmark, unstar
from moderation.verdict import Span
from moderation.view import View

_LOOKALIKES = Lookalikes()
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_OVERRIDE = re.compile("\u202e([^\u202c\u2069\n]*)")
_TOKEN = re.compile(r"[^\W_]+")
_BAR_SIGN = re.compile(r"[1!|]")
_CAPITAL_INSIDE = re.compile(r"(?<=[a-z])I(?=[a-z])")


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
        return squeeze(self.spelled)

    @cached_property
    def spelled(self) -> View:
        """The word view before stretched letters are shortened."""
        if self._is_plain:
            return self.folded
        view = unleet(close_up(unmark(unstar(self.folded))))
        return settle(view, self.bars) if self.bars else view

    @cached_property
    def _is_plain(self) -> bool:
        """Whether the word view and the folded one are the same, and the only reading."""
        folded = self.folded.text
        return folded.isascii() and not ODD.search(folded) and not self.bars

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
        return not self._is_plain and is_stretched(self.folded.text)

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
        unmarked = unmark(unstar(self.folded))
        views = [
            self.words,
            unmark(self.folded, underscores=False),
            squeeze(unleet(close_up(unmarked, article=True))),
        ]
        if _BAR_SIGN.search(unmarked.text):
            views.append(squeeze(unleet(close_up(unmarked), other_one=True)))
        if self.bars:
            views.append(flipped(self.words, self.bars))
        views += strays_joined(self.words)
        distinct: dict[str, View] = {}
        for view in views:
            distinct.setdefault(view.text, view)
        return tuple(distinct.values())


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
