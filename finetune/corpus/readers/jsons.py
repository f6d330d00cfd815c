"""JSON and JSON lines without a layout of their own: records with named fields."""

import json
from collections.abc import Iterator
from contextlib import suppress
from io import StringIO
from itertools import chain, islice
from typing import Any, TypeVar

from finetune.corpus.encoding import lines, open_text
from finetune.corpus.jsonstream import Damaged, Path, values
from finetune.corpus.readers import objects
from finetune.corpus.readers.base import Input, Records, Skipped

T = TypeVar("T")

_PEEKED = 400  # values of the head that are looked at


def peek(text: str) -> list[tuple[Path, Any]]:
    """The first values of a JSON text that may be cut off anywhere."""
    found: list[tuple[Path, Any]] = []
    with suppress(Damaged):
        for value in islice(values(StringIO(text)), _PEEKED):
            found.append(value)
    return found


def is_lines(text: str) -> bool:
    """Whether a text is JSON lines: its first two lines (or its only one) are whole objects."""
    filled = [line for line in text.splitlines() if line.strip()][:2]
    if not filled or not filled[0].lstrip("\ufeff \t").startswith("{"):
        return False
    try:
        return isinstance(json.loads(filled[0].lstrip("\ufeff")), dict) and (
            len(filled) == 1 or filled[1].lstrip().startswith("{")
        )
    except (ValueError, RecursionError):
        return False


def read(source: Input, encoding: str, *, by_line: bool) -> tuple[objects.Plan, Records]:
    """The plan for a JSON file and its posts.

    Raises:
        NoTextColumn: no field holds posts.
    """
    preview: list[Any] = []
    with suppress(Damaged):
        for record in islice(_records(source, encoding, by_line), objects.PREVIEW):
            preview.append(record)
    chosen = objects.plan(preview, source.options.text_column, source.name)
    return chosen, objects.rows(until_damage(_records(source, encoding, by_line), source), chosen, source.name)


def until_damage(found: Iterator[T], source: Input) -> Iterator[T]:
    """What comes before the file is damaged; the person is told."""
    try:
        yield from found
    except Damaged as damage:
        source.note(f"{damage}; what stands before was read")


def line_objects(source: Input, encoding: str) -> Iterator[dict[str, Any] | Skipped]:
    """The objects of a JSON-lines file; a line that is none comes as what was skipped."""
    with source.open() as stream:
        for line in lines(open_text(stream, encoding)):
            if not line.strip("\ufeff \t\r\n"):
                continue
            try:
                found = json.loads(line.lstrip("\ufeff"))
            except (ValueError, RecursionError):
                yield Skipped("unreadable row", line[:2000])
                continue
            yield found if isinstance(found, dict) else Skipped("no post", line[:2000])


def _records(source: Input, encoding: str, by_line: bool) -> Iterator[Any]:
    """Elements of the root list or of lists in the root object; a root object without lists is one record.

    Tables written column by column (``{"text": {"0": …}}``, the default of pandas) give the values of each column.
    """
    if by_line:
        yield from line_objects(source, encoding)
        return
    with source.open() as stream:
        single: dict[str, Any] = {}
        listed = False
        for path, value in values(open_text(stream, encoding)):
            if path in (("*",), ()) or len(path) == 2:
                listed = True
                yield value
            else:
                single[path[0]] = value
        columnwise = {name: cells for name, cells in single.items() if isinstance(cells, dict)}
        if listed or not single:
            return
        if columnwise and len(columnwise) == len(single):
            for place in chain.from_iterable(islice(columnwise.values(), 1)):
                yield {name: cells.get(place) for name, cells in columnwise.items()}
        else:
            yield single
