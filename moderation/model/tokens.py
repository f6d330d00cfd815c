"""From normalised text to the words the classifier knows, and the hashed pieces of each."""

import re
from functools import lru_cache
from itertools import islice
from unicodedata import category, name
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from moderation.normalise import Normalised
from moderation.verdict import Span

LONGEST = 400  # words of a text that are read
_TOKEN = re.compile(r"(?:https?://|www\.)\S+|\w+(?:['’]\w+)*|[!?]+|[^\w\s.,;:'’()\[\]/\\_-]")
_AT_WORDS = ("ass", "anal", "anus", "arse")  # written with @ for a
_PIECES = (3, 4, 5)  # characters of a word's pieces
_BESIDE = frozenset({"face", "sign", "symbol", "with", "of", "and", "the"})  # in an emoji's name, but not what it shows


def tokens(text: Normalised) -> list[str]:
    """Words of the word view; links, mentions and numbers by kind, "!" and "?", emoji."""
    read = text.text[: LONGEST * 16]
    if "@" in text.original:
        return [word for word, _ in placed(text)]
    return [_kind(token) for token in _TOKEN.findall(read)[:LONGEST]]


def placed(text: Normalised) -> list[tuple[str, Span]]:
    """The same words, each with its place in the original text."""
    found = islice(_TOKEN.finditer(text.text[: LONGEST * 16]), LONGEST)
    return [
        ("<user>" if _is_mention(text, match) else _kind(match.group()), text.span(*match.span())) for match in found
    ]


def _is_mention(text: Normalised, match: re.Match[str]) -> bool:
    """The word view reads @ as a: "@anna" is somebody, "@ss" is not."""
    return text.original[text.origin[match.start()]] == "@" and not match.group().startswith(_AT_WORDS)


@lru_cache(maxsize=1 << 15)
def _kind(token: str) -> str:
    first = token[0]
    if first in "!?":
        return first if len(token) == 1 else first * 2
    if token.startswith(("http://", "https://", "www.")):
        return "<url>"
    if token.isdigit():
        return f"<{min(len(token), 8)} digits>"
    return token[:40].replace("’", "'")


def pieces(word: str) -> list[int]:
    """Numbers (CRC-32, for speed) of the 3- to 5-grams of a word with its borders; none of a kind such as ``<url>``.

    An emoji has those of the words of its Unicode name, so that 🐒 says a little of what "monkey" says.
    """
    if word.startswith("<"):
        return []
    if len(word) == 1 and category(word) == "So":
        named = [part for part in name(word, "").lower().split() if part not in _BESIDE]
        return [piece for part in named for piece in pieces(part)]
    bordered = f"<{word}>"
    if word.isascii():
        letters = bordered.encode()
        return [crc32(letters[start : start + size]) for size, start in _cuts(len(letters))]
    cuts = [bordered[start : start + size] for size, start in _cuts(len(bordered))]
    return [crc32(cut.encode("utf-8", "surrogatepass")) for cut in cuts]


@lru_cache(maxsize=64)
def _cuts(length: int) -> list[tuple[int, int]]:
    """Sizes and starts of the pieces of a word of this length; the word itself is no piece."""
    return [(size, start) for size in _PIECES if size < length for start in range(length - size + 1)]


def pair_hashes(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Numbers of every two words in a row."""
    mixed = words[:-1] * np.uint64(0x9E3779B97F4A7C15) + words[1:] * np.uint64(0xC2B2AE3D27D4EB4F)
    keys: NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(29))
    return keys
