"""JSON of any size, piece by piece: one element of the big array in memory at a time, with Python's own decoder.

Damaged files are the reason not to use an event parser: what stands before the damage is given out, stray bytes have
become characters already, and several documents one after another are read one after another.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, TextIO

LONGEST_VALUE = 16 << 20  # characters of one element; a post with its wrapping has some thousands
_CHUNK = 1 << 16
_DECODER = json.JSONDecoder()
_BLANK = " \t\r\n\ufeff"

Path = tuple[str, ...]  # keys from the root; "*" stands for an element of an array
Descend = Callable[[Path, str], bool]  # path and opening bracket → whether to give out what is inside one by one


class Damaged(Exception):
    """From here on it is no JSON, or one value is too long or too deep; the text says which."""


def root_and_lists(path: Path, opening: str) -> bool:
    """Go into the root, and into lists that stand directly in a root object."""
    return not path or (len(path) == 1 and path[0] != "*" and opening == "[")


def values(text: TextIO, descend: Descend = root_and_lists) -> Iterator[tuple[Path, Any]]:
    """The values of all documents in `text` with their paths, in order.

    Raises:
        Damaged: when it comes to a place that is no JSON; what was given out before is good.
    """
    scanner = _Scanner(text)
    while scanner.peek():
        yield from _walk(scanner, (), descend)
        if scanner.peek() == ";":  # X archives are JavaScript assignments
            scanner.take()


def skip_assignment(text: TextIO) -> None:
    """Go behind the ``=`` of a line like ``window.YTD.tweets.part0 = [``; such a file is never run as a program."""
    for _ in range(200):
        if text.read(1) in ("=", ""):
            return


def _walk(scanner: "_Scanner", path: Path, descend: Descend) -> Iterator[tuple[Path, Any]]:
    opening = scanner.peek()
    if opening not in ("[", "{") or not descend(path, opening):
        yield path, scanner.value()
        return
    scanner.take()
    closing = "]" if opening == "[" else "}"
    while scanner.peek() not in (closing, ""):
        key = "*"
        if opening == "{":
            key = scanner.value()
            if not isinstance(key, str) or scanner.peek() != ":":
                raise Damaged("it is no JSON")
            scanner.take()
        yield from _walk(scanner, (*path, key), descend)
        if scanner.peek() == ",":
            scanner.take()
        elif scanner.peek() != closing:
            raise Damaged("it is cut off" if not scanner.peek() else "it is no JSON")
    if not scanner.peek():
        raise Damaged("it is cut off")
    scanner.take()


class _Scanner:
    """A window on a text stream that grows only while a value needs it."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._window = ""
        self._at = 0
        self._ended = False

    def peek(self) -> str:
        """The next character that is no blank; "" at the end."""
        while True:
            while self._at < len(self._window):
                if self._window[self._at] not in _BLANK:
                    return self._window[self._at]
                self._at += 1
            if not self._more(_CHUNK):
                return ""

    def take(self) -> None:
        """Go over the character that :meth:`peek` showed."""
        self._at += 1

    def value(self) -> Any:
        """The next whole value."""
        if not self.peek():
            raise Damaged("it is cut off")
        want = _CHUNK
        while True:
            try:
                found, end = _DECODER.raw_decode(self._window, self._at)
            except RecursionError:
                raise Damaged("it is nested too deep for a post") from None
            except ValueError:
                if len(self._window) - self._at > LONGEST_VALUE:
                    raise Damaged("one value in it is too long for a post, or it is no JSON") from None
                if not self._more(want):
                    raise Damaged("it is cut off or no JSON") from None
                want *= 2
                continue
            if end == len(self._window) and self._more(_CHUNK):
                continue  # a number may go on in the next chunk
            self._at = end
            return found

    def _more(self, size: int) -> bool:
        if self._ended:
            return False
        chunk = self._text.read(size)
        self._ended = not chunk
        self._window = self._window[self._at :] + chunk
        self._at = 0
        return bool(chunk)
