"""Does it bring children and sex together?

A word for sex and a word for a child, in one text. Close together they are `minors`; anywhere else in the text, or
with a word that need not mean a child (a daughter may be forty), they are `minors-distant`. Neither is ever allowed.
"""

import re
from functools import cache
from typing import Any, NamedTuple

import re2

from moderation.filters.base import Context
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
    sexual: re.Pattern[str]
    child: re.Pattern[str]
    kin: re.Pattern[str]


@cache
def _words() -> _Words:
    """The three patterns; those for sex include the listed words that mean nothing else."""
    listed = [word.word for word in built_in() if word.category == "sexual-word" and word.word.isalpha()]
    sexual = (*_SEXUAL, *(re.escape(word) for word in listed if word not in _DOUBTFUL))
    hint = re2.compile(rf"\b(?:{'|'.join(sexual)})\b")
    return _Words(hint, *(re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)") for words in (sexual, _CHILD, _KIN)))


class MinorsFilter:
    """Children and sex in one text."""

    name = "minors"
    version = "1"

    def judge(self, text: Normalised, context: Context) -> list[Finding]:
        """At most one finding, on the closest pair of words."""
        words = _words()
        # The folded view keeps the digits of an age, which leetspeak would read as letters.
        for view in (text.folded, text.words) if text.words is not text.folded else (text.folded,):
            if not words.hint.search(view.text):
                continue
            acts = [match.span() for match in words.sexual.finditer(view.text)]
            if acts and (children := [match.span() for match in words.child.finditer(view.text)]):
                start, end = _closest(acts, children)
                category = "minors" if end - start <= _NEAR else "minors-distant"
                return [_finding(category, view.span(start, end))]
            if acts and (relatives := [match.span() for match in words.kin.finditer(view.text)]):
                return [_finding("minors-distant", view.span(*_closest(acts, relatives)))]
        return []


def _closest(acts: list[tuple[int, int]], others: list[tuple[int, int]]) -> tuple[int, int]:
    """The shortest range that holds one of each; both lists are in order, so that one walk finds it."""
    best = (min(acts[0][0], others[0][0]), max(acts[0][1], others[0][1]))
    one = two = 0
    while one < len(acts) and two < len(others):
        start, end = min(acts[one][0], others[two][0]), max(acts[one][1], others[two][1])
        if end - start < best[1] - best[0]:
            best = (start, end)
        if acts[one] < others[two]:
            one += 1
        else:
            two += 1
    return best


def _finding(category: str, span: Span) -> Finding:
    reason = "It brings children and sex together."
    return Finding(MinorsFilter.name, category, Decision.HOLD, reason, span)
