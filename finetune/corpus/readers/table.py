"""CSV and TSV as people export them: any delimiter, any encoding, with or without a header, cut off or not."""

import csv
import io
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from finetune.corpus import columns
from finetune.corpus.encoding import HEAD, lines, open_text, sniff_encoding
from finetune.corpus.readers.base import Input, Records, Skipped
from finetune.corpus.row import Row
from finetune.corpus.when import parse_when

DELIMITERS = ",\t;|"
LONGEST_CELL = 8 << 20  # characters; Python's own limit is 131,072
RUNAWAY_LINES = 2_000  # a quoted cell over more lines than this was opened by a stray quote
MANY_STRAYS = 20  # after so many stray quotes, quotes mean nothing in this file: reading on stays linear
_PREVIEW = 400  # records the columns are judged by


@dataclass(frozen=True, slots=True)
class Shape:
    """How a table is written."""

    delimiter: str
    quoting: bool
    width: int  # columns most records have
    header: bool
    names: tuple[str, ...]
    preview: tuple[tuple[str, ...], ...]  # its first records, header excluded
    encoding: str
    consistency: float  # share of the preview's records that have `width` columns


def sniff(head: bytes, encoding: str | None = None, delimiter: str | None = None) -> Shape:
    """The shape of a table that begins with `head`: the delimiter under which most records are equally wide."""
    encoding = encoding or sniff_encoding(head)
    text = head.decode("utf-8" if encoding == "utf-8-sig" else encoding, "replace").lstrip("\ufeff")
    best: Shape | None = None
    for candidate in delimiter or DELIMITERS:
        quoting = not (candidate == "\t" and _stray_quotes(text))
        rows = _records(io.StringIO(text, newline=""), candidate, quoting, recover=False)
        records = [cells for cells in rows if isinstance(cells, list)]
        if len(head) >= HEAD and len(records) > 1:
            records.pop()  # the head ends inside it
        shape = _shape(records[:_PREVIEW], candidate, quoting, encoding)
        if best is None or (shape.width > 1, shape.consistency) > (
            best.width > 1 and best.consistency > 0.6,
            best.consistency,
        ):
            best = shape
    assert best is not None
    return best


def _shape(records: list[list[str]], delimiter: str, quoting: bool, encoding: str) -> Shape:
    widths = Counter(len(cells) for cells in records if cells)
    width = widths.most_common(1)[0][0] if widths else 1
    full = [cells for cells in records if len(cells) == width]
    header = columns.has_header(full)
    names = tuple(cell.strip() for cell in full[0]) if header else tuple(f"column {n + 1}" for n in range(width))
    preview = tuple(tuple(cells) for cells in full[1 if header else 0 :])
    filled = sum(widths.values())
    return Shape(delimiter, quoting, width, header, names, preview, encoding, len(full) / filled if filled else 0.0)


def choose(shape: Shape, wanted: str | None, where: str) -> columns.Choice:
    """The text column of a table; a one-column table has no choice, but a name that is not there is still wrong."""
    if shape.width == 1 and wanted is None:
        return columns.Choice(0, "it is the only one")
    return columns.choose(shape.names, shape.preview, wanted, where)


def read(source: Input, shape: Shape, column: int) -> Records:
    """The rows of a table in `shape` whose posts stand in `column`."""
    others = columns.fields(shape.names) if shape.header else {}
    others = {field: index for field, index in others.items() if index != column}
    started = not shape.header
    with source.open() as stream:
        for cells in _records(lines(open_text(stream, shape.encoding)), shape.delimiter, shape.quoting):
            if isinstance(cells, str):
                yield Skipped("unreadable row", cells)
            elif not cells:
                continue  # an empty line
            elif not started and tuple(cell.strip().lstrip("\ufeff") for cell in cells) == shape.names:
                started = True
            elif len(cells) < shape.width and column >= len(cells):
                yield Skipped("stray line", shape.delimiter.join(cells))
            else:
                yield _row(cells, column, others, source.name)


def _row(cells: Sequence[str], column: int, others: dict[str, int], source: str) -> Row:
    def cell(field: str) -> str | None:
        index = others.get(field)
        return (cells[index].strip() or None) if index is not None and index < len(cells) else None

    likes = cell("likes")
    return Row(
        text=cells[column],
        created_at=parse_when(cell("created_at")),
        author=cell("author"),
        source=source,
        source_id=cell("source_id"),
        lang=cell("lang"),
        reply_to=cell("reply_to"),
        likes=int(likes) if likes and likes.isdecimal() and len(likes) < 12 else None,
    )


def _records(
    source: Iterable[str], delimiter: str, quoting: bool, *, recover: bool = True
) -> Iterator[list[str] | str]:
    """The records of a table; a line whose stray quote would swallow what follows comes alone, as a string.

    `csv` reads on until a quote closes. When that takes more than `RUNAWAY_LINES` lines, when it closes inside a cell,
    or when the file ends first, the line that opened it is given up and reading starts anew behind it.
    """
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_CELL))
    feed = _Feed(iter(source), RUNAWAY_LINES if recover else None)
    strays = 0
    while True:
        plain = not quoting or strays >= MANY_STRAYS
        reader = csv.reader(
            feed.lines(), delimiter=delimiter, quoting=csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL, strict=recover
        )
        while True:
            feed.taken.clear()
            broken = False
            try:
                cells = next(reader, None)
            except csv.Error:
                cells, broken = [], True
            if cells is None:
                return
            if not recover or not (broken or feed.ran_away or (feed.ended and feed.taken and not plain)):
                yield cells
                continue
            first, *others = feed.taken
            feed.pending.extendleft(reversed(others))
            strays += bool(others)
            yield first if others or feed.ended else _sloppy(first, delimiter)
            break


class _Feed:
    """Lines for `csv`, which remembers those of the record being read, so that they can be read again."""

    def __init__(self, upstream: Iterator[str], most: int | None) -> None:
        self._upstream, self._most = upstream, most
        self.pending: deque[str] = deque()  # lines to read again
        self.taken: list[str] = []  # lines of the record being read
        self.ended = False

    @property
    def ran_away(self) -> bool:
        return self._most is not None and len(self.taken) > self._most

    def lines(self) -> Iterator[str]:
        self.ended = False
        while not self.ran_away:
            line = self.pending.popleft() if self.pending else next(self._upstream, None)
            if line is None:
                self.ended = True
                return
            self.taken.append(line)
            yield line


def _sloppy(line: str, delimiter: str) -> list[str] | str:
    """The cells of a line with quotes inside quotes, as far as they can be told apart; the line where they cannot."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return line


def _stray_quotes(text: str) -> bool:
    """Whether a tab-separated text uses quotes as plain characters: read strictly, one closes inside a cell."""
    try:
        for _ in csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True):
            pass
    except csv.Error as error:
        return "end of data" not in str(error)
    return False
