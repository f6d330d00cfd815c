"""Bytes to text for files nobody vouches for: UTF-8, stray bytes read as Windows-1252, lines of bounded length."""

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO, TextIO

import charset_normalizer

LONGEST_LINE = 4 << 20  # characters; what stands beyond is skipped, so that a line of 2 GB costs 4 MB
HEAD = 1 << 16  # bytes a sniffer looks at
FOREIGN_SHARE = 0.2  # of bytes over 127 from which a file that is not UTF-8 is no Windows-1252 either
FOREIGN_HEAD = 8_000  # bytes the guess is made from; more are slow and tell no more

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _stray_byte(error: UnicodeError) -> tuple[str, int]:
    """Read the bytes that are not UTF-8 as Windows-1252, and the five it leaves open as Latin-1 controls."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    stray = error.object[error.start : error.end]
    return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in stray), error.end


STRAY = "confessional.stray"  # the name under which `bytes.decode(errors=…)` finds the handler
codecs.register_error(STRAY, _stray_byte)


def sniff_encoding(head: bytes) -> str:
    """The codec for a file that begins with `head`: by its byte-order mark, by its NULs, by its letters, else UTF-8.

    UTF-8 comes with stray bytes read as Windows-1252, so that codec needs no guess; charset-normalizer is asked about
    files with many other letters. It is good at Cyrillic and Greek and often wrong on Japanese; hence ``--encoding``.
    """
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    pairs = len(head) // 2
    if pairs >= 8:
        even, odd = head[: pairs * 2 : 2].count(0), head[1 : pairs * 2 : 2].count(0)
        if odd > pairs * 0.4 and even < pairs * 0.1:
            return "utf-16-le"
        if even > pairs * 0.4 and odd < pairs * 0.1:
            return "utf-16-be"
    strange = sum(byte > 127 for byte in head)
    if strange > FOREIGN_SHARE * len(head) and not _is_utf8(head):
        found = charset_normalizer.from_bytes(head[:FOREIGN_HEAD]).best()
        return found.encoding if found is not None else "utf-8"
    return "utf-8"


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 4  # the head may end inside a character
    return True


def describe_encoding(head: bytes, encoding: str) -> str:
    """The codec in words, naming Windows-1252 when the head holds bytes that are not UTF-8."""
    if encoding != "utf-8":
        return {"utf-8-sig": "UTF-8 with a byte-order mark"}.get(encoding, encoding.upper())
    return "UTF-8" if _is_utf8(head) else "Windows-1252 where it is not UTF-8"


def open_text(stream: BinaryIO, encoding: str) -> TextIO:
    """A text stream over `stream` that never fails on a byte; newlines are left as they are."""
    errors = STRAY if encoding.startswith("utf-8") else "replace"
    return io.TextIOWrapper(stream, encoding=encoding, errors=errors, newline="")


def lines(text: TextIO) -> Iterator[str]:
    """The lines with their ends; one longer than `LONGEST_LINE` is cut there and its rest skipped."""
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and not line.endswith(("\n", "\r")):
            while rest := text.readline(LONGEST_LINE):
                if rest.endswith(("\n", "\r")):
                    break
            line += "\n"
        yield line
