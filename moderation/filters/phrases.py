"""Looking for phrases, also where letters are stretched or where an i cannot be told from an l."""

import re
from collections.abc import Iterator

from moderation.normalise import Normalised
from moderation.view import View

_RUN = re.compile(r"([^\W\d_])\1+")
_PLAIN_RUN = re.compile(r"(?<!\\)([a-z])\1+")  # in the source of a pattern: not the b of \b
_PLAIN_L = re.compile(r"(?<!\\)l")


class Phrases:
    """A regular expression over words, and its loose twin: every l an i, every letter once."""

    def __init__(self, source: str) -> None:
        """`source` is in lower case and names no letter by a class or an escape."""
        self._plain = re.compile(source)
        self._loose = re.compile(_PLAIN_RUN.sub(r"\1", _PLAIN_L.sub("i", source)))

    def find(self, text: Normalised) -> Iterator[tuple[View, list[re.Match[str]]]]:
        """Each view of the text that has matches, with all of them; the likeliest view first."""
        for view in (text.words,) if text.words is text.folded else (text.words, text.folded):
            if matches := list(self._plain.finditer(view.text)):
                yield view, matches
        if text.is_stretched or text.bars:
            view = loosened(text.words)
            if matches := list(self._loose.finditer(view.text)):
                yield view, matches


def loosened(view: View) -> View:
    """The view with every l an i and every letter once in a row."""
    text = view.text.replace("l", "i")
    return View(text, view.origin).without((match.start() + 1, match.end()) for match in _RUN.finditer(text))
