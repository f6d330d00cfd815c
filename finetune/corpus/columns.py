"""Which column of a table holds the posts: by its name, by how its cells look, and by what it cannot be."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import process

from finetune.errors import NoTextColumn

# Names seen in exporters, Kaggle sets and tuners; a column called so wins over a nameless one that is longer.
TEXT_NAMES = frozenset(
    {"text", "full_text", "tweet", "tweet_text", "content", "contents", "body", "message", "selftext", "post", "posts"}
    | {"status", "toot", "comment", "comments", "sentence", "caption", "completion", "answer", "headline", "quote"}
    | {"joke", "confession", "confessions", "haiku", "poem", "fortune"}
)
FIELD_NAMES = {
    "created_at": ("created_at", "created", "date", "datetime", "time", "timestamp", "tweet_created", "published"),
    "author": ("author", "user", "username", "screen_name", "screenname", "handle", "from", "sender", "authorid"),
    "source_id": ("id", "id_str", "tweet_id", "post_id", "message_id", "source_id", "uuid"),
    "likes": ("likes", "favorite_count", "favourites", "favorites", "score", "upvotes", "like_count", "reactions"),
    "lang": ("lang", "language"),
    "reply_to": ("reply_to", "in_reply_to", "in_reply_to_status_id"),
}

_NUMBER = re.compile(r"[\s$€£%+-]*\d[\d.,\s]*[%eE+\d-]*")
_ID = re.compile(r"(?=.*\d)[\w-]{8,}|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|t[1-6]_\w+")
_URL = re.compile(r"(?:https?://|www\.)\S+|(?:[\w-]+\.)+(?:com|org|net|io|co|de|uk|jpg|png)(?:/\S*)?")
_HANDLE = re.compile(r"@\w{1,60}")
_DATE = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ,]+\d{1,2}:\d{2}.*)?|\d{1,2}:\d{2}(?::\d{2})?.{0,6}"
    r"|(?:(?:mon|tue|wed|thu|fri|sat|sun)\w*,? )?(?:\d{1,2} )?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*\.?"
    r"(?: \d{1,2})?,?(?: \d{2,4})?(?: \d{1,2}:\d{2}.*)?",
    re.IGNORECASE,
)
_VETOES = (("a number", _NUMBER), ("a web address", _URL), ("a handle", _HANDLE), ("a date", _DATE), ("an id", _ID))
_VETO_SHARE = 0.8  # of the cells that say something
_NAME_BONUS = 4.0


@dataclass(frozen=True, slots=True)
class Choice:
    """The column that was chosen and why, in words."""

    index: int
    why: str


def kind(cell: str) -> str | None:
    """What a cell is when it is surely no post: "a number", "a date", "a handle", …; None when it may be one."""
    cell = cell.strip()
    if len(cell) > 400:
        return None
    return next((name for name, pattern in _VETOES if pattern.fullmatch(cell)), None)


def has_header(records: Sequence[Sequence[str]]) -> bool:
    """Whether the first record names the columns: by known names, or by being unlike what stands under it."""
    if not records:
        return False
    first = [cell.strip() for cell in records[0]]
    filled = [cell for cell in first if cell]
    if not filled or any("\n" in cell or len(cell) > 80 for cell in filled) or len(set(filled)) < len(filled):
        return False
    known = set(TEXT_NAMES).union(*FIELD_NAMES.values())
    if any(_plain(cell) in known for cell in filled):
        return True
    if any(kind(cell) for cell in filled):
        return False
    below = records[1:]
    for index, name in enumerate(first):
        cells = [record[index].strip() for record in below if index < len(record) and record[index].strip()]
        if not name or not cells:
            continue
        if sum(kind(cell) is not None for cell in cells) > _VETO_SHARE * len(cells):
            return True  # a word over a column of numbers, dates or addresses
        if _words(name) & TEXT_NAMES and len(name) * 2 < sum(map(len, cells)) / len(cells):
            return True  # "What's your confession?" over long cells
    return False


def choose(columns: Sequence[str], records: Sequence[Sequence[str]], wanted: str | None, where: str) -> Choice:
    """The column with the posts among `columns`, judged by `records` (without the header).

    Raises:
        NoTextColumn: `wanted` is not there, or every column is ids, numbers, dates, handles or addresses.
    """
    if wanted is not None:
        return Choice(_named(columns, wanted, records, where), "you named it")
    scored = _scores(columns, records)
    if not scored:
        empty = next((index for index, name in enumerate(columns) if _is_empty_text(index, name, records)), None)
        if empty is not None:
            return Choice(empty, "its name says so")
        listed = ", ".join(repr(name) for name in columns)
        likely = _longest(columns, records)
        hint = f"; the likeliest is {likely!r}: --text-column {likely!r}" if likely else "; name it: --text-column NAME"
        message = f"No column of {where} looks like posts (it has {listed}){hint}."
        raise NoTextColumn(message, tuple(columns), likely)
    best = max(scored, key=lambda index: scored[index])
    named = _words(columns[best]) & TEXT_NAMES
    return Choice(best, "its name says so" if named else "its cells are the longest and differ most")


def fields(columns: Sequence[str]) -> dict[str, int]:
    """Row field → column, for the other columns that go by a known name."""
    found: dict[str, int] = {}
    plain = [_plain(name) for name in columns]
    for field, names in FIELD_NAMES.items():
        for name in names:
            if name in plain:
                found[field] = plain.index(name)
                break
    return found


def _scores(columns: Sequence[str], records: Sequence[Sequence[str]]) -> dict[int, float]:
    """Column → how much it looks like posts: mean length, how many differ, how many are filled, and its name."""
    scores: dict[int, float] = {}
    for index, name in enumerate(columns):
        cells = [record[index].strip() for record in records if index < len(record)]
        cells = [cell for cell in cells if cell]
        if not cells:
            continue
        commonest = Counter(kind(cell) for cell in cells)
        if len(cells) - commonest[None] >= _VETO_SHARE * len(cells):
            continue
        length = sum(map(len, cells)) / len(cells)
        distinct = len(set(cells)) / len(cells)
        words = sum(" " in cell or "\n" in cell or not cell.isascii() for cell in cells) / len(cells)
        bonus = _NAME_BONUS if _words(name) & TEXT_NAMES else 1.0
        if _plain(name) in TEXT_NAMES:
            bonus *= 2
        scores[index] = length * (0.02 + distinct) * (0.05 + words) * bonus
    return scores


def _named(columns: Sequence[str], wanted: str, records: Sequence[Sequence[str]], where: str) -> int:
    for match in (str.strip, _plain):
        for index, name in enumerate(columns):
            if match(name) == match(wanted):
                return index
    listed = ", ".join(repr(name) for name in columns)
    close = process.extractOne(wanted, columns, score_cutoff=70)
    scored = _scores(columns, records)
    likely = close[0] if close else columns[max(scored, key=lambda index: scored[index])] if scored else None
    hint = f"; you may mean {likely!r}" if likely else "; if one does, --text-column NAME"
    raise NoTextColumn(f"{where} has no column {wanted!r}: it has {listed}{hint}.", tuple(columns), likely)


def _is_empty_text(index: int, name: str, records: Sequence[Sequence[str]]) -> bool:
    """Whether a column is named like posts and holds nothing where one looked: its posts may begin further down."""
    cells = (record[index] for record in records if index < len(record))
    return _plain(name) in TEXT_NAMES and not any(cell.strip() for cell in cells)


def _longest(columns: Sequence[str], records: Sequence[Sequence[str]]) -> str | None:
    """The column with the most text that is not all numbers, dates and addresses; None when each is."""
    totals: Counter[int] = Counter()
    for index in range(len(columns)):
        cells = [record[index] for record in records if index < len(record)]
        totals[index] = sum(len(cell) for cell in cells if kind(cell) in (None, "an id", "a handle"))
    top = totals.most_common(1)
    return columns[top[0][0]] if top and top[0][1] else None


def _plain(name: str) -> str:
    return re.sub(r"[^\w]+", "_", name.strip().casefold()).strip("_")


def _words(name: str) -> set[str]:
    """ "What's your confession?" → {what, s, your, confession}; "OriginalTweet" → {original, tweet}."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return {*re.findall(r"[^\W_]+", spaced.casefold()), _plain(name)}
