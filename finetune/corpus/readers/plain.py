"""Plain text: a post a line, blocks between blank lines, fortune records, or posts between end-of-text marks."""

import re
from collections.abc import Callable, Iterator

from finetune.corpus.encoding import LONGEST_LINE, lines, open_text, sniff_encoding
from finetune.corpus.readers.base import Input, Records, Skipped
from finetune.corpus.row import Row
from finetune.corpus.strays import CHAT_LINE

# gpt-2-simple writes <|startoftext|>…<|endoftext|>; ssi-bot wraps a submission in <|soss|><|sot|>title<|sost|>text
# <|eoss|> and a reply in <|sor|>…<|eor|>, each opening tag with an optional name behind a blank.
_MARK = re.compile(r"<\|(?:startoftext|endoftext|(?:sos|eos|so|eo)[a-z]{0,4}(?: [^|>\n]{1,60})?)\|>")


def sniff(text: str) -> str:
    """The layout of a plain text that begins so: "marks", "fortunes", "whatsapp", "blocks" or "lines"."""
    found = text.splitlines()
    filled = [line for line in found if line.strip()]
    if _MARK.search(text):
        return "marks"
    if sum(line.rstrip() == "%" for line in found) >= 2:
        return "fortunes"
    if filled and sum(bool(CHAT_LINE.match(line)) for line in filled) > 0.5 * len(filled):
        return "whatsapp"
    blocks = [block for block in re.split(r"\n\s*\n", text.strip().replace("\r\n", "\n")) if block.strip()]
    single = sum("\n" not in block for block in blocks)
    if len(blocks) >= 3 and len(filled) >= 1.5 * len(blocks) and single < 0.25 * len(blocks):
        return "blocks"
    return "lines"


def read(source: Input, layout: str, head: bytes) -> Records:
    """The posts of a plain text in one of the layouts of :func:`sniff`."""
    if layout == "whatsapp":
        source.note("this is a WhatsApp chat; chats between people are private and never come in")
    encoding = source.options.encoding or sniff_encoding(head)
    with source.open() as stream:
        found = lines(open_text(stream, encoding))
        if layout == "marks":
            texts: Iterator[str] = _between_marks(found)
        elif layout == "blocks":
            texts = _groups(found, lambda line: not line.strip())
        elif layout == "fortunes":
            texts = _groups(found, lambda line: line.rstrip() == "%")
        else:
            texts = (line for line in found if line.strip())
        for text in texts:
            text = text.lstrip("\ufeff").strip()
            yield Skipped("direct message", text) if layout == "whatsapp" else Row(text=text, source=source.name)


def _groups(found: Iterator[str], between: Callable[[str], bool]) -> Iterator[str]:
    """Lines joined into posts, cut where `between` says; a post beyond the line limit is cut, too."""
    group: list[str] = []
    size = 0
    for line in found:
        if between(line) or size > LONGEST_LINE:
            if group:
                yield "".join(group)
            group, size = [], 0
        if not between(line):
            group.append(line)
            size += len(line)
    if group:
        yield "".join(group)


def _between_marks(found: Iterator[str]) -> Iterator[str]:
    """What stands between any two marks, over as many lines as it takes."""
    kept: list[str] = []
    size = 0
    for line in found:
        *done, rest = _MARK.split(line)
        for part in done:
            text = "".join([*kept, part])
            kept, size = [], 0
            if text.strip():
                yield text
        kept.append(rest)
        size += len(rest)
        if size > LONGEST_LINE:
            yield "".join(kept)
            kept, size = [], 0
    if "".join(kept).strip():
        yield "".join(kept)
