"""Does it contain a listed word, however it is dressed up?

Plain words are looked up in a table, so that the time does not grow with the list; wildcards and regular expressions
go through RE2, which is linear in the text.
"""

import hashlib
import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path

from moderation.context import Context
from moderation.filters.lexicon import HELD, MASK_HINT, TOKEN, Hit, Lexicon, look_up, masked, split, stretched
from moderation.normalise import Normalised
from moderation.verdict import Decision, Finding, Span
from moderation.view import View
from moderation.words import BUILT_IN, Word, built_in, load, shared

_MAX_FINDINGS = 20


class WordlistFilter:
    """Listed words: built-in ones and the owner's, per platform and per server."""

    name = "wordlist"

    def __init__(self, words: Iterable[Word], *, path: Path | None = None) -> None:
        """Entries in order; a later one wins over an earlier one for the same word. `path` is for `load` to say."""
        self._path = path
        self._seen: tuple[int, ...] | None = None  # the file's stamp when it was last read
        self._reading = threading.Lock()  # editors and upkeep may refresh at the same time
        self._use(tuple(words))

    @classmethod
    def load(cls, path: Path | None = None) -> "WordlistFilter":
        """The built-in list, and the owner's file on top of it.

        Raises:
            WordlistError: a list cannot be read.
        """
        stamp = _stamp(path)  # taken first, so that a change in between is seen the next time
        wordlist = cls(_words(path), path=path)
        wordlist._seen = stamp
        return wordlist

    def refresh(self) -> bool:
        """Read the owner's file again if it has changed; whether it had.

        Raises:
            WordlistError: it cannot be read; the list stays as it was.
        """
        with self._reading:
            stamp = _stamp(self._path)
            if stamp == self._seen:
                return False
            self._seen = stamp
            self._use(_words(self._path))
            return True

    def has_rules_for(self, server: str | None) -> bool:
        """Whether some entry counts on this server and not on every other."""
        return server in self._servers

    def _use(self, words: tuple[Word, ...]) -> None:
        own = [word for word in words if word.by != BUILT_IN]
        digest = hashlib.sha256(repr(own).encode("utf-8", "replace")).hexdigest()[:8]
        self._lexicon = Lexicon.build(words)
        self._servers = {server for word in own for server in word.servers}
        self.version = f"1+{digest}" if own else "1"  # the record says which list judged
        self.rules = shared(own)  # last: whoever reads it and judges afterwards judges by the new list

    def judge(self, text: Normalised, context: Context) -> list[Finding]:
        """One finding for each listed word, wherever it stands; the widest where several overlap."""
        hits = [hit for hit in self.hits(text, context) if hit.start < hit.end]
        if not hits:
            return []
        covers: dict[str, Covers] = {}
        told: list[tuple[str, Span, Finding]] = []
        for hit in sorted(hits, key=lambda hit: hit.span.start - hit.span.end):
            if hit.view.text not in covers:
                covers[hit.view.text] = Covers(self._allowed(hit.view, context))
            if covers[hit.view.text].hold(hit.start, hit.end):
                continue
            category, span = hit.word.policy_key, hit.span
            if not any(kind == category and _overlap(span, other) for kind, other, _ in told):
                told.append((category, span, _finding(hit.word, span, text.original)))
                if len(told) == _MAX_FINDINGS:
                    break
        return [finding for _, _, finding in told]

    def hits(self, text: Normalised, context: Context) -> Iterator[Hit]:
        """Every listed word in every reading, allowed or not."""
        lexicon = self._lexicon
        for view in text.readings:
            tokens = text.tokens if view is text.folded else TOKEN.findall(view.text)
            if not lexicon.plain.keys().isdisjoint(tokens):
                yield from (hit for hit in look_up(lexicon.plain, view) if _applies(hit.word, context))
            if view is text.words:
                yield from (hit for hit in split(lexicon, tokens, view) if _applies(hit.word, context))
            for pattern, word in lexicon.worth_a_look(view.text):
                if _applies(word, context):
                    yield from (Hit(word, view, *match.span()) for match in pattern.finditer(view.text))
        if HELD.search(text.spelled.text):
            yield from (hit for hit in stretched(lexicon, text.spelled) if _applies(hit.word, context))
        if MASK_HINT.search(text.folded.text):
            yield from (hit for hit in masked(lexicon, text.folded) if _applies(hit.word, context))

    def _allowed(self, view: View, context: Context) -> Iterator[tuple[int, int]]:
        """Where allowed words and phrases stand."""
        for hit in look_up(self._lexicon.allowed, view):
            if _applies(hit.word, context):
                yield hit.start, hit.end
        for pattern, word in self._lexicon.allowed_patterns:
            if _applies(word, context):
                yield from (match.span() for match in pattern.finditer(view.text))


class Covers:
    """Ranges of a text, and whether one of them holds another range. Asking takes logarithmic time."""

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        ordered = sorted(ranges)
        self._starts = [start for start, _ in ordered]
        self._reach = list(accumulate((end for _, end in ordered), max))  # the furthest end of any that began so far

    def hold(self, start: int, end: int) -> bool:
        """Whether one range begins at or before `start` and ends at or after `end`."""
        place = bisect_right(self._starts, start)
        return place > 0 and self._reach[place - 1] >= end


def _words(path: Path | None) -> tuple[Word, ...]:
    return (*built_in(), *(load(path).words if path is not None else ()))


def _stamp(path: Path | None) -> tuple[int, ...] | None:
    """What changes when a file does; None when there is none."""
    try:
        status = path.stat() if path is not None else None
    except OSError:
        return None
    return None if status is None else (status.st_mtime_ns, status.st_size, status.st_ino)


def _overlap(one: Span, two: Span) -> bool:
    return one.start < two.end and two.start < one.end


def _applies(word: Word, context: Context) -> bool:
    return (not word.platforms or context.platform in word.platforms) and (
        not word.servers or context.server in word.servers
    )


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
