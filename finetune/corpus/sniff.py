"""What a file is: by its first bytes, then by its text; the extension only tips the scale between text and table."""

import re
from pathlib import PurePosixPath

from finetune.corpus.encoding import describe_encoding, sniff_encoding
from finetune.corpus.readers import plain, table
from finetune.corpus.readers.base import Input, Records
from finetune.corpus.row import Sniffed
from finetune.errors import UnreadableCorpus

FORMATS = ("csv", "tsv", "lines", "blocks", "fortunes", "marks")
_TABLE_ENDINGS = {".csv", ".tsv", ".tab"}
_DELIMITER_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
_LAYOUTS = {
    "lines": "a post on each line",
    "blocks": "blank lines between posts",
    "fortunes": "lines with a single % between posts",
    "marks": "end-of-text marks between posts",
    "whatsapp": "a WhatsApp chat",
}


def recognise(source: Input, head: bytes) -> tuple[Sniffed, Records]:
    """What `source` is and its records.

    Raises:
        UnreadableCorpus: it is no text, or a kind of file nobody here reads.
        NoTextColumn: it is a table without posts.
    """
    wanted = source.options.format
    encoding = source.options.encoding or sniff_encoding(head)
    if wanted in ("csv", "tsv"):
        return _table(source, head, table.sniff(head, encoding, "\t" if wanted == "tsv" else None))
    if wanted is not None:
        return _plain(source, head, wanted, encoding)
    text = head.decode(encoding, "replace")
    ending = PurePosixPath(source.name.partition("!")[2] or source.name).suffix.casefold()
    shape = table.sniff(head, encoding)
    if _is_table(shape, text, ending):
        return _table(source, head, shape)
    return _plain(source, head, plain.sniff(text), encoding)


def _is_table(shape: table.Shape, text: str, ending: str) -> bool:
    if shape.width > 1 and shape.consistency > (0.6 if ending in _TABLE_ENDINGS else 0.9):
        return ending in _TABLE_ENDINGS or shape.header
    quoted = len(re.findall(r'^".*', text, re.MULTILINE))
    return ending in _TABLE_ENDINGS and (shape.header or quoted > 0.2 * (text.count("\n") + 1) or '\n"' in text)


def _table(source: Input, head: bytes, shape: table.Shape) -> tuple[Sniffed, Records]:
    choice = table.choose(shape, source.options.text_column, source.name)
    name = shape.names[choice.index]
    header = "with a header" if shape.header else "without a header"
    detail = (
        f"{_DELIMITER_NAMES[shape.delimiter]}-separated, {shape.width} columns, {header}, "
        f"{describe_encoding(head, shape.encoding)}; posts in {name!r} ({choice.why})"
    )
    sniffed = Sniffed(source.name, "tsv" if shape.delimiter == "\t" else "csv", detail, name, shape.names)
    return sniffed, table.read(source, shape, choice.index)


def _plain(source: Input, head: bytes, layout: str, encoding: str) -> tuple[Sniffed, Records]:
    if b"\0" in head and encoding == "utf-8" and head.count(0) > len(head) // 10:
        raise UnreadableCorpus(f"{source.name} is no text; export the posts as CSV, JSON or plain text.")
    detail = f"plain text, {_LAYOUTS[layout]}, {describe_encoding(head, encoding)}"
    return Sniffed(source.name, layout, detail), plain.read(source, layout, head)
