"""Undoing what hides a word, step by step. Each step takes a view and gives the next, in time linear in its length."""

import re
from string import ascii_lowercase

import re2

from moderation.view import View

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
_MEASURE = re.compile(r"[$€¢]?\d+(?:st|nd|rd|th|s|am|pm|k|m|g|kg|cm|mm|km|mph|x|p|ft|in|lbs?|oz|h|hrs?|mins?|yrs?|ish)")
_RUN = re.compile(r"([^\W\d_])\1\1+")
_NEVER_DOUBLE = frozenset("aiuhjkqvwxy")  # in English a double of these is hardly ever meant
_DOUBLE_AT_END = frozenset("lsfzeo")
_STRAYS = (
    re.compile(r"(?<![\w'])[b-hj-z]( )(?=[a-z]{3})"),
    re.compile(r"(?<=[a-z]{3})( )(?=[b-hj-z](?![\w']))"),
)
_VOWELS = frozenset("aeiou")
# Whatever a step below could act on. Plain prose has none of it, and skips them all; RE2 finds out in two microseconds.
ODD = re2.compile(
    r"[*_~\\`|<@$€¢+]|[a-z][0-9]|[0-9][a-z]|[a-z]![a-z0-9]"
    r"|(?:^|[^a-z0-9'])[a-z0-9](?:[ \n.,\-/]{1,4}[a-z0-9]){2}(?:$|[^a-z0-9'])"
    r"|(?:^|[^a-z0-9'])[b-hj-z](?:$|[^a-z0-9'])|" + "|".join(letter * 3 for letter in ascii_lowercase)
)


def unmark(view: View, *, underscores: bool = True) -> View:
    """Markdown, escapes and HTML tags inside a word, gone: f**u**ck. A single underscore may be a border instead."""
    marks = (match.span() for match in _MARKUP.finditer(view.text) if underscores or match.group() != "_")
    return view.without(marks)


def close_up(view: View, *, article: bool = False) -> View:
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


def flipped(view: View, places: frozenset[int]) -> View:
    """The view with i for l, and l for i, where the original has one of some places."""
    other = {"i": "l", "l": "i"}
    letters = [
        other.get(letter, letter) if index in places else letter
        for letter, index in zip(view.text, view.origin, strict=True)
    ]
    return View("".join(letters), view.origin)


def unleet(view: View, *, other_one: bool = False) -> View:
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


def squeeze(view: View) -> View:
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


def is_stretched(text: str) -> bool:
    """Whether some letter stands three times in a row."""
    return _RUN.search(text) is not None


def strays_joined(view: View) -> list[View]:
    """A lone consonant drawn to the word after it, or to the word before it: f uck, fuc k."""
    return [view.without(match.span(1) for match in stray.finditer(view.text)) for stray in _STRAYS]
