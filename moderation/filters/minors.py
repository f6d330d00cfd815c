"""Does it bring children and sex together?

A word for sex and a word for a child, in one text. Close together they are `minors`; anywhere else in the text, or
with a word that need not mean a child (a daughter may be forty), they are `minors-distant`. Neither is ever allowed.
"""

import re
from functools import cache
from typing import Any, NamedTuple

import re2

from moderation.context import Context
from moderation.filters.phrases import Phrases
from moderation.normalise import Normalised
from moderation.verdict import Decision, Finding, Span
from moderation.words import built_in

_DOUBTFUL = frozenset({"cock", "dick", "boner", "queef", "pubes", "xxx", "twink", "strapon", "vibrator", "quim"})
_NEAR = 80  # characters from the one word to the other
_SEXUAL = (
    r"(?:have|has|had|having|want(?:s|ed)?|for|oral|anal|phone|gay) sex",
    r"sex (?:with|slave|toy|tape|doll|act)",
    r"sexual(?:ly)?|sexy|sexting|sexts?|horny|aroused|arousal|arousing|erection|hard-?on|erotic|erotica|intercourse|incest",
    r"molest\w*|grop(?:ed?|ing)|fondl\w+|seduc(?:ed?|ing|tive)|rap(?:ed?|ing|ist)|nudes|orgasm\w*|masturbat\w+|porn\w*",
    r"ma(?:de|k(?:e|ing)) love|penis|vagina|genitals?|cum(?:ming)?|fuck(?:ed|ing|s)? (?:her|him|me|you|a|my|that)",
)
_AGE = r"(?:[1-9]|1[0-7])"
_UNITS = r"minutes|hours|days|weeks|months|miles|pounds|quid|feet|foot|stone|inches|per|years (?!old)"
_CHILD = (
    r"child(?:ren)?(?:'s)?|kids?|minors?|under-?age[d]?|pre-?teens?|tweens?|toddlers?|infants?|teens?|teenagers?|teenaged",
    r"school-? ?(?:girl|boy|kid)s?|(?:little|young|small) (?:girl|boy)s?|adolescents?|loli|lolis|shota|pupils?",
    rf"{_AGE}[- ]?(?:years?|yrs?)[- ]?olds?|{_AGE} ?y/?o|aged? {_AGE}\b",
    rf"(?:is|was|were|turned|only|just|am|i'm|she's|he's) (?:[4-9]|1[0-7])(?= |[.,;!?]|$)(?! (?:{_UNITS}))",
    r"(?:primary|elementary|middle|junior) school|(?:[1-9]|1[01])(?:st|nd|rd|th) grade(?:rs?)?|(?:boy|girl) scouts?",
)
_KIN = (
    r"daughters?|sons?|nieces?|nephews?|step-?(?:daughter|son)s?|grand(?:daughter|son|child)(?:ren|s)?",
    r"babysitter|nursery",
)


class _Words(NamedTuple):
    hint: Any  # RE2: whether there is anything sexual at all; most texts end here
    sexual: Phrases
    child: Phrases
    kin: Phrases


@cache
def _words() -> _Words:
    """The patterns; those for sex include the listed words that mean nothing else."""
    listed = [word.word for word in built_in() if word.category == "sexual-word" and word.word.isalpha()]
    sexual = (*_SEXUAL, *(re.escape(word) for word in listed if word not in _DOUBTFUL))
    hint = re2.compile(rf"\b(?:{'|'.join(sexual)})\b")
    return _Words(hint, *(Phrases(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)") for words in (sexual, _CHILD, _KIN)))


class MinorsFilter:
    """Children and sex in one text."""

    name = "minors"
    version = "1"

    def judge(self, text: Normalised, context: Context) -> list[Finding]:
        """At most one finding, on the closest pair of words."""
        words = _words()
        if text.words is text.folded and not words.hint.search(text.text):
            return []
        acts = _spans(words.sexual, text)
        if not acts:
            return []
        if children := _spans(words.child, text):
            pair = _closest(acts, children)
            return [_finding("minors" if pair.end - pair.start <= _NEAR else "minors-distant", pair)]
        if relatives := _spans(words.kin, text):
            return [_finding("minors-distant", _closest(acts, relatives))]
        return []


def _spans(phrases: Phrases, text: Normalised) -> list[Span]:
    """Where the phrases stand in the original, in order, whichever view they were found in."""
    found = {view.span(*match.span()) for view, matches in phrases.find(text) for match in matches}
    return sorted(found, key=lambda span: (span.start, span.end))


def _closest(acts: list[Span], others: list[Span]) -> Span:
    """The shortest range that holds one of each; both lists are in order, so that one walk finds it."""
    best = _around(acts[0], others[0])
    one = two = 0
    while one < len(acts) and two < len(others):
        pair = _around(acts[one], others[two])
        if pair.end - pair.start < best.end - best.start:
            best = pair
        if acts[one].start < others[two].start:
            one += 1
        else:
            two += 1
    return best


def _around(one: Span, two: Span) -> Span:
    return Span(min(one.start, two.start), max(one.end, two.end))


def _finding(category: str, span: Span) -> Finding:
    reason = "It brings children and sex together."
    return Finding(MinorsFilter.name, category, Decision.HOLD, reason, span)
