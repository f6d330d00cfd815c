"""Does it contain a listed word, however it is dressed up?

Plain words are looked up in a table, so that the time does not grow with the list; wildcards and regular expressions
go through RE2, which is linear in the text.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from moderation.filters.base import Context
from moderation.filters.lexicon import HELD, MASK_HINT, TOKEN, Hit, Lexicon, look_up, masked, stretched
from moderation.normalise import Normalised
from moderation.verdict import Decision, Finding, Span
from moderation.words import Word, built_in, load

_MAX_FINDINGS = 20


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
            if not lexicon.plain.keys().isdisjoint(text.tokens if plain else TOKEN.findall(view.text)):
                yield from (hit for hit in look_up(lexicon.plain, view) if _applies(hit.word, context))
            if not plain or HELD.search(view.text):
                yield from (hit for hit in stretched(lexicon, view) if _applies(hit.word, context))
            if lexicon.gate is not None and (numbers := lexicon.gate.Match(view.text)):
                for number in numbers:
                    pattern, word = lexicon.patterns[number]
                    if _applies(word, context):
                        yield from (Hit(word, view, *match.span()) for match in pattern.finditer(view.text))
        if MASK_HINT.search(text.folded.text):
            yield from (hit for hit in masked(lexicon, text.folded) if _applies(hit.word, context))

    def _is_allowed(self, hit: Hit, context: Context) -> bool:
        """Whether an allowed word or phrase covers the hit."""
        allowed = look_up(self._lexicon.allowed, hit.view)
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
