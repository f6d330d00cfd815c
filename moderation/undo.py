"""Undoing what hides a word, step by step. Each step takes a view and gives the next, in time linear in its length."""

import re
from string import ascii_lowercase

import re2

from moderation.spelling import likeliest, runs, settled, unmasked, unstretched
from moderation.view import View

# Possessive: a run of marks is looked at once, not from each of them. Doubled marks are markup wherever they stand.
_MARK = r"(?:[*_~\\]++|</?[a-z]{1,10}>)"
_MARKUP = re.compile(rf"\*\*++|__++|~~++|\|\|++|`++|(?<=[a-z]){_MARK}|(?<![*_~\\]){_MARK}(?=[a-z])")
_SPACED = re.compile(
    r"(?<![a-z0-9@$'])[a-z0-9@$]( {1,3}|\n| ?[.\-_*,/|~+] ?)[a-z0-9@$'](?:(?:\1| {2,4})[a-z0-9@$'](?![a-z0-9@$']))+"
    r"|(?<![a-z0-9@$'.\-_])[a-z][.\-_*][a-z](?![a-z0-9@$'.])|(?<=  )[a-z] [a-z](?=  )"
)
_ARTICLE = re.compile(r"^[ai] (?=[^ ] [^ ] )|(?<= [^ ] [^ ]) [ai]$")
_GAP = re.compile(r"[^a-z0-9@$']+")
_LEET_HINT = re.compile(r"[a-z]'?[0-9@$!|+€¢]|[0-9@$!|€¢]'?[a-z]")
_LEET_TOKEN = re.compile(r"[a-z0-9@$!|+€¢][a-z0-9@$!|+€¢']+")
_ONE_AS = {letter: str.maketrans("1!|", letter * 3) for letter in "il"}
_LEET_ALIKE = str.maketrans({"0": "o", "3": "e", "4": "a", "5": "s", "6": "g", "7": "t", "8": "b", "9": "g"}) | (
    str.maketrans({"@": "a", "$": "s", "€": "e", "¢": "c", "+": "t"})
)
_MEASURE = re.compile(r"[$€¢]?\d+(?:st|nd|rd|th|s|am|pm|k|m|g|kg|cm|mm|km|mph|x|p|ft|in|lbs?|oz|h|hrs?|mins?|yrs?|ish)")
_RUN = re.compile(r"([^\W\d_])\1\1+")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_STARRED = re.compile(r"(?<![\w'*#^%])[a-z](?:[a-z']|[*#^%](?![*#^%]{3}))+(?![\w'*#^%])")
_STARS = frozenset("*#^%")
_STRAYS = (
    re.compile(r"(?<![\w'])[b-hj-z]( )(?=[a-z]{3})"),
    re.compile(r"(?<=[a-z]{3})( )(?=[b-hj-z](?![\w']))"),
)
_VOWELS = frozenset("aeiou")
# Whatever a step below could act on. Plain prose has none of it, and skips them all; RE2 finds out in two microseconds.
ODD = re2.compile(
    r"[*_~\\`|<@$€¢+]|[a-z]'?[0-9]|[0-9]'?[a-z]|!['a-z0-9]|[#^%]"
    r"|(?:^|[^a-z0-9'])[a-z0-9](?:[ \n.,\-/]{1,4}[a-z0-9]){2}(?:$|[^a-z0-9'])"
    r"|(?:^|[^a-z0-9'])(?:[b-hj-z]|[ai][.\- ][ai])(?:$|[^a-z0-9'])|"
    + "|".join(letter * 3 for letter in ascii_lowercase)
)


def unstar(view: View) -> View:
    """Words with letters starred out, if the vocabulary knows what they may be: k*ll, st*p*d."""
    if _STARS.isdisjoint(view.text):
        return view
    text = _STARRED.sub(lambda match: _letters_behind(match.group()), view.text)
    return view if text == view.text else View(text, view.origin)


def _letters_behind(token: str) -> str:
    shown = sum(character not in _STARS for character in token)
    if shown == len(token) or len(token) < 3 or 2 * shown < len(token):
        return token
    return unmasked(token, _STARS) or token


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
        if letters < 2 or (letters == 2 and len(signs) == 3):
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


def settle(view: View, places: frozenset[int]) -> View:
    """The view with the likelier of i and l where the original has one of some places: skuIl, bu𝐥l."""
    letters = list(view.text)
    for word in _WORD.finditer(view.text):
        inside = {at - word.start() for at in range(*word.span()) if view.origin[at] in places}
        if inside:
            letters[word.start() : word.end()] = settled(word.group(), inside)
    return View("".join(letters), view.origin)


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

    `1`, `!` and `|` read as i or l, whichever makes a known word; else as l beside a vowel and i elsewhere.
    `other_one` reads them the other way.
    """
    if not _LEET_HINT.search(view.text):
        return view
    text = _LEET_TOKEN.sub(lambda match: _letters(match.group(), other_one), view.text)
    return view if text == view.text else View(text, view.origin)


def _letters(token: str, other_one: bool) -> str:
    body = token.rstrip("!|+'")
    end = token[len(body) :]
    letters = sum(character.isalpha() for character in body)
    if not letters or letters == len(body) or _MEASURE.fullmatch(body):
        return token
    read = body.translate(_LEET_ALIKE)
    guess = _with_ones(read)
    known = likeliest([read.translate(_ONE_AS["i"]), read.translate(_ONE_AS["l"]), guess])
    signs = sum(character in "@$!|€" for character in body)  # nobody writes these among letters by chance
    if known is None and (letters + signs < 2 or len(body) < 3):
        return token
    word = known or guess
    if other_one:
        word = "".join(
            {"i": "l", "l": "i"}[letter] if sign in "1!|" else letter for letter, sign in zip(word, read, strict=True)
        )
    return word + end


def _with_ones(read: str) -> str:
    letters = list(read)
    for index, character in enumerate(letters):
        if character in "1!|":
            beside = (letters[index - 1] if index else "") + (letters[index + 1] if index + 1 < len(letters) else "")
            letters[index] = "l" if _VOWELS.intersection(beside) else "i"
    return "".join(letters)


def squeeze(view: View) -> View:
    """Stretched words as a speller would write them: fuuuck, bettterrr."""
    if not _RUN.search(view.text):
        return view
    gaps: list[tuple[int, int]] = []
    for word in _WORD.finditer(view.text):
        token = word.group()
        if not _RUN.search(token):
            continue
        at = word.start()
        for have, want in zip(runs(token), unstretched(token), strict=True):
            last = at + have == word.end()  # there the last letter stays, so that a span covers the whole word
            if want < have:
                gaps.append((at, at + have - want) if last else (at + want, at + have))
            at += have
    return view.without(gaps)


def is_stretched(text: str) -> bool:
    """Whether some letter stands three times in a row."""
    return _RUN.search(text) is not None


def strays_joined(view: View) -> list[View]:
    """A lone consonant drawn to the word after it, or to the word before it: f uck, fuc k."""
    return [view.without(match.span(1) for match in stray.finditer(view.text)) for stray in _STRAYS]
