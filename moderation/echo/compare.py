"""How much of a row a text repeats: its longest run of the same words, and its likeness in characters."""

from bisect import bisect_right
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


def compare(text: Words, row: str, number: int = 0) -> Match | None:
    """How ``text`` repeats ``row``; None when they share no word."""
    row_words = split(row)
    run, at = longest_run(text.words, row_words.words)
    if not run:
        return None
    reach = len(row_words) + _MARGIN
    first, last = max(0, at - reach), min(len(text), at + run + reach)
    part = Words(text.words[first:last], text.spans[first:last])
    overlap, start, end = _likeness(part, row_words)
    inside = len(row_words.joined) < INSIDE * len(part.joined)
    strict = inside or len(row_words.joined) < SHORT or len(row_words.joined) * INSIDE > len(part.joined)
    near = len(row_words) >= FEWEST + inside and overlap >= (LIKE_STRICT if strict else LIKE)
    if run >= RUN and not near:
        start, end = part.spans[at - first][0], part.spans[at - first + run - 1][1]
    return Match(number, row, overlap, start, end, run, near or run >= RUN)


def _likeness(text: Words, row: Words) -> tuple[float, int, int]:
    """Likeness 0 to 1 (Indel, by rapidfuzz) and the range of the text's characters that it is about."""
    whole = (text.spans[0][0], text.spans[-1][1])
    if len(row.joined) > len(text.joined):
        like = fuzz.partial_ratio if len(text) >= EXCERPT else fuzz.ratio
        return like(text.joined, row.joined) / 100, *whole
    found = fuzz.partial_ratio_alignment(row.joined, text.joined)
    if found is None or found.dest_end <= found.dest_start:
        return 0.0, *whole
    borders = [0]
    for word in text.words:
        borders.append(borders[-1] + len(word) + 1)
    first = bisect_right(borders, found.dest_start) - 1
    last = min(bisect_right(borders, found.dest_end - 1) - 1, len(text) - 1)
    return found.score / 100, text.spans[min(first, last)][0], text.spans[last][1]


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
