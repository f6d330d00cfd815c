"""What a file is: by its first bytes, then by its text; the extension only tips the scale between text and table."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from finetune.corpus.encoding import describe_encoding, sniff_encoding
from finetune.corpus.readers import bluesky, discord, jsons, mastodon, objects, parquet, plain, reddit, table, telegram
from finetune.corpus.readers import x_archive as x
from finetune.corpus.readers.base import Input, Records, Skipped
from finetune.corpus.row import Row, Sniffed
from finetune.errors import UnreadableCorpus

_TABLE_ENDINGS = {".csv", ".tsv", ".tab"}
_LINE_ENDINGS = {".jsonl", ".ndjson"}
_JSON_ENDINGS = {".json"} | _LINE_ENDINGS
_DELIMITER_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
_LAYOUTS = {
    "lines": "a post on each line",
    "blocks": "blank lines between posts",
    "fortunes": "lines with a single % between posts",
    "marks": "end-of-text marks between posts",
    "whatsapp": "a WhatsApp chat",
}
_NO_TEXT = (
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"SQLite format 3\0", "a database"),
    (b"\xd0\xcf\x11\xe0", "an old Office file"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"ID3", "a sound"),
    (b"RIFF", "a sound or a film"),
    (b"\0\0\0\x18ftyp", "a film"),
    (b"\0\0\0 ftyp", "a film"),
)
_EXPORT = "export the posts as CSV, JSON or plain text."
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")  # not NUL, which tables may hold, nor escape
MOST_CONTROLS = 0.04  # share of the first characters; noise and packed data have about a tenth, posts next to none


def recognise(source: Input, head: bytes) -> tuple[Sniffed, Records]:
    """What `source` is and its records.

    Raises:
        UnreadableCorpus: it is no text, or a kind of file nobody here reads.
        NoTextColumn: it is a table or JSON without posts.
    """
    wanted = source.options.format
    encoding = source.options.encoding or sniff_encoding(head)
    if wanted is None:
        if head.startswith(b"PAR1"):
            chosen, records = parquet.read(source)
            return _fields(source, "parquet", "Parquet", chosen), records
        if bluesky.is_car(head):
            detail = "a Bluesky repository; replies to others left out"
            return Sniffed(source.name, "bluesky", detail), bluesky.read(source)
        for magic, kind in _NO_TEXT:
            if head.startswith(magic):
                raise UnreadableCorpus(f"{source.name} is {kind}; {_EXPORT}")
    text = head.decode(encoding, "replace").lstrip("\ufeff")
    if len(_CONTROL.findall(text)) > MOST_CONTROLS * len(text):
        raise UnreadableCorpus(f"{source.name} does not look like text; {_EXPORT}")
    if wanted is not None:
        return _as_wanted(source, head, wanted, encoding)
    found = _json(source, text, encoding)
    if found is not None:
        return found
    shape = table.sniff(head, encoding)
    if _is_table(shape, text, _ending(source.name)):
        return _table(source, head, shape)
    return _plain(source, head, plain.sniff(text), encoding)


def _as_wanted(source: Input, head: bytes, wanted: str, encoding: str) -> tuple[Sniffed, Records]:
    if wanted in ("csv", "tsv"):
        return _table(source, head, table.sniff(head, encoding, "\t" if wanted == "tsv" else None))
    if wanted in ("json", "jsonl"):
        chosen, records = jsons.read(source, encoding, by_line=wanted == "jsonl")
        return _fields(source, wanted, wanted.upper(), chosen), records
    return _plain(source, head, wanted, encoding)


def _json(source: Input, text: str, encoding: str) -> tuple[Sniffed, Records] | None:
    """JSON by its shape: a known export, JSON lines, or records with fields; None when it is no JSON."""
    if text.startswith("window.YTD."):
        sniffed = Sniffed(source.name, "x archive", "posts of an X archive, without the account's own id beside them")
        return sniffed, x.read(x.Archive([source]))
    if not text.lstrip().startswith(("{", "[")):
        return None
    if jsons.is_lines(text):
        first = next(jsons.line_objects(source, encoding), None)
        if isinstance(first, Mapping) and reddit.is_reddit(first):
            return Sniffed(source.name, "reddit", "a Reddit dump"), reddit.read(source, encoding)
        if _ending(source.name) in _LINE_ENDINGS or "\n" in text.strip():
            chosen, records = jsons.read(source, encoding, by_line=True)
            return _fields(source, "jsonl", "JSON lines", chosen), records
    seen = jsons.peek(text)
    paths = {path for path, _ in seen}
    keys = {path[0] for path in paths if path}
    if ("guild",) in paths and ("channel",) in paths:
        return Sniffed(source.name, "discord", "a DiscordChatExporter channel"), discord.read_export(source, encoding)
    if "orderedItems" in keys:
        return Sniffed(source.name, "mastodon", "a Mastodon outbox; boosts left out"), mastodon.read(source)
    if "participants" in keys and ("messages" in keys or ("participants", "*") in paths):
        return Sniffed(source.name, "messenger", "a Messenger chat; private, never comes in"), _private(
            source, encoding
        )
    if ("chats" in keys) or {"name", "type", "id"} <= keys:
        return Sniffed(source.name, "telegram", "a Telegram export"), telegram.read(source, encoding)
    if any(isinstance(value, dict) for _, value in seen) or sum(isinstance(value, str) for _, value in seen) > 1:
        chosen, records = jsons.read(source, encoding, by_line=False)
        return _fields(source, "json", "JSON", chosen), records
    if _ending(source.name) in _JSON_ENDINGS:
        if len(seen) > 1:
            raise UnreadableCorpus(f"{source.name} is JSON without posts: neither texts nor records with fields.")
        raise UnreadableCorpus(f"{source.name} is damaged or no JSON from its first record on; export it again.")
    return None


def _private(source: Input, encoding: str) -> Records:
    source.note("this is a chat between people; such chats are private and never come in")
    for record in jsons.read(source, encoding, by_line=False)[1]:
        yield Skipped("direct message", record.text) if isinstance(record, Row) else record


def _is_table(shape: table.Shape, text: str, ending: str) -> bool:
    if shape.width > 1 and shape.consistency > (0.6 if ending in _TABLE_ENDINGS else 0.9):
        return ending in _TABLE_ENDINGS or shape.header
    quoted = len(re.findall(r'^".*', text, re.MULTILINE))
    return ending in _TABLE_ENDINGS and (shape.header or quoted > 0.2 * (text.count("\n") + 1) or '\n"' in text)


def _table(source: Input, head: bytes, shape: table.Shape) -> tuple[Sniffed, Records]:
    choice = table.choose(shape, source.options.text_column, source.name)
    name = shape.names[choice.index]
    header = "with a header" if shape.header else "without a header"
    wide = f"{_DELIMITER_NAMES[shape.delimiter]}-separated, {shape.width} columns" if shape.width > 1 else "one column"
    detail = f"{wide}, {header}, {describe_encoding(head, shape.encoding)}; posts in {name!r} ({choice.why})"
    sniffed = Sniffed(source.name, "tsv" if shape.delimiter == "\t" else "csv", detail, name, shape.names)
    records = table.read(source, shape, choice.index)
    if shape.names == discord.CSV_HEADER:
        records = discord.without_system_lines(records, source.name)
    return sniffed, records


def _fields(source: Input, name: str, words: str, chosen: objects.Plan) -> Sniffed:
    place = f"posts in {chosen.field!r} ({chosen.why})" if chosen.field else chosen.why
    return Sniffed(source.name, name, f"{words}; {place}", chosen.field or None, chosen.names)


def _plain(source: Input, head: bytes, layout: str, encoding: str) -> tuple[Sniffed, Records]:
    if encoding == "utf-8" and head.count(0) > len(head) // 10:
        raise UnreadableCorpus(f"{source.name} does not look like text; {_EXPORT}")
    detail = f"plain text, {_LAYOUTS[layout]}, {describe_encoding(head, encoding)}"
    return Sniffed(source.name, layout, detail), plain.read(source, layout, head)


def _ending(name: str) -> str:
    path = PurePosixPath(name.rpartition("!")[2])
    return (PurePosixPath(path.stem) if path.suffix in {".gz", ".zst", ".bz2", ".xz"} else path).suffix.casefold()
