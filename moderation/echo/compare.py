"""How much of a row a text repeats: its longest run of the same words, and its likeness in characters."""

from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz

from moderation.echo.words import Words, split

RUN = 8  # words in a row that count as copied, whatever stands around them
LIKE = 0.82  # likeness from which a text is a near copy
LIKE_STRICT = 0.88  # the same where chance finds more likenesses: short rows, rows inside a text, excerpts of rows
SHORT = 24  # characters; a row with fewer is short
INSIDE = 0.6  # a row with less than this share of the text's characters is inside it
FEWEST = 3  # words: a shorter row is nobody's secret; inside a text, one more
EXCERPT = RUN  # a text must have this many words before it can be an excerpt of a longer row
_MARGIN = 40  # words around the shared ones that are compared, in a long text


@dataclass(frozen=True, slots=True)
class Match:
    """A row, and what of it a text repeats."""

    number: int  # the row's number, from 0
    row: str
    overlap: float  # 0 to 1: likeness of the shorter of the two to the part of the other that is most like it
    start: int  # half-open range of characters in the text
    end: int
    run_words: int  # length of the longest run of the same words
    is_copy: bool  # a run of eight words, or a near copy


def best_of(matches: Iterable[Match]) -> Match | None:
    """The match that says most: copies first, then by overlap and by run."""
    return max(matches, key=lambda match: (match.is_copy, match.overlap, match.run_words), default=None)


def copy_of(text: Words, row: str, number: int, may_run: bool) -> Match | None:
    """What :func:`compare` says, if it is a copy; quick to say no. ``may_run``: a run of eight words is possible."""
    if not may_run:
        short, long = sorted((split(row).joined, text.joined), key=len)
        if not fuzz.partial_ratio(short, long, score_cutoff=100 * LIKE):
            return None  # likeness in whole is never above likeness in part
    match = compare(text, row, number)
    return match if match is not None and match.is_copy else None


def compare(text: Words, row: str, number: int = 0) -> Match | None:
    """How ``text`` repeats ``row``; None when they share no word."""
    row_words = split(row)
    run, at = longest_run(text.words, row_words.words)
    if not run:
        return None
    reach = len(row_words) + _MARGIN
    first, last = max(0, at - reach), min(len(text), at + run + reach)
    part = " ".join(text.words[first:last])
    overlap, start, end = _likeness(part, last - first, row_words.joined)
    inside = len(row_words.joined) < INSIDE * len(part)
    strict = inside or len(row_words.joined) < SHORT or len(row_words.joined) * INSIDE > len(part)
    near = len(row_words) >= FEWEST + inside and overlap >= (LIKE_STRICT if strict else LIKE)
    begin, end = (first + part.count(" ", 0, start), first + part.count(" ", 0, end)) if near else (at, at + run - 1)
    last_word = min(end, len(text) - 1)
    return Match(number, row, overlap, text.spans[begin][0], text.spans[last_word][1], run, near or run >= RUN)


def _likeness(text: str, words: int, row: str) -> tuple[float, int, int]:
    """Likeness 0 to 1 (Indel, by rapidfuzz) of two texts of folded words, and the part of the first it is about."""
    if len(row) > len(text):
        like = fuzz.partial_ratio if words >= EXCERPT else fuzz.ratio
        return like(text, row) / 100, 0, len(text) - 1
    found = fuzz.partial_ratio_alignment(row, text)
    if found is None or found.dest_end <= found.dest_start:
        return 0.0, 0, len(text) - 1
    return found.score / 100, found.dest_start, found.dest_end - 1


def longest_run(text: tuple[str, ...], row: tuple[str, ...]) -> tuple[int, int]:
    """Length of the longest run of words in both, and where it starts in the text; the first of several."""
    return max(((length, start) for start, length in runs(text, row, 1)), default=(0, 0), key=lambda run: run[0])


def runs(text: tuple[str, ...], row: tuple[str, ...], shortest: int) -> list[tuple[int, int]]:
    """Every run of at least ``shortest`` words that both share and that cannot grow: start in the text, length."""
    places: dict[str, list[int]] = {}
    for place, word in enumerate(row):
        places.setdefault(word, []).append(place)
    found: list[tuple[int, int]] = []
    before: dict[int, int] = {}
    for place, word in enumerate((*text, "")):  # the empty word ends every run
        now = {at: before.get(at - 1, 0) + 1 for at in places.get(word, ())}
        found += [(place - length, length) for at, length in before.items() if at + 1 not in now and length >= shortest]
        before = now
    return found
