"""Words, and the numbers that stand for them and for groups of them.

Copies are looked for among *words*: lower-cased, without punctuation or apostrophes. A word is a 64-bit number
(BLAKE2b, the same on every machine); a group of words is the mixed sum of its words' numbers.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

# Chinese and Japanese write no spaces: there each character counts as a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|(?:(?![\u3040-\u30ff\u3400-\u9fff])[^\W_])+(?:'(?:[^\W_])+)*")
_PLAIN_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")
_STRAIGHT = str.maketrans("’‘“”–—…", "''\"\"--.")  # so that most texts are plain; every character stays one

# Odd constants for multiplicative hashing: digits of the golden ratio, and those of Steele's SplitMix64.
_FIRST, _SECOND, _THIRD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9)
_PAIR, _WHOLE = np.uint64(0xD6E8FEB86659FD93), 0xFF51AFD7ED558CCD
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)


@dataclass(frozen=True)
class Words:
    """The words of one text, folded (NFKC, case, apostrophes)."""

    text: str  # as given
    words: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Half-open character ranges of the words in the text."""
        pattern, text = _readable(self.text)
        return tuple(match.span() for match in pattern.finditer(text))

    @cached_property
    def hashes(self) -> Keys:
        """One number a word."""
        return np.fromiter(map(word_hash, self.words), np.uint64, len(self.words))

    @cached_property
    def joined(self) -> str:
        """The words with single spaces between."""
        return " ".join(self.words)


def split(text: str, most: int | None = None) -> Words:
    """The words of a text; at most ``most`` of them."""
    pattern, readable = _readable(text)
    words: list[str] = pattern.findall(readable)[:most]
    if pattern is _WORD:
        words = [_fold(word) for word in words]
    elif "'" in readable:
        words = [word.replace("'", "") for word in words]
    return Words(text, tuple(words))


def _readable(text: str) -> tuple[re.Pattern[str], str]:
    """The pattern that finds the words, and the text to find them in, character for character."""
    if not text.isascii():
        text = text.translate(_STRAIGHT)
    return (_PLAIN_WORD, text.lower()) if text.isascii() else (_WORD, text)


def _fold(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold().replace("'", "")


@lru_cache(maxsize=1 << 16)
def word_hash(word: str) -> int:
    """64-bit number of a word."""
    return int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def shingle_keys(hashes: Keys) -> Keys:
    """Keys of every three words in a row: n words give n - 2 keys."""
    return _mixed(hashes[:-2] * _FIRST + hashes[1:-1] * _SECOND + hashes[2:] * _THIRD)


def pair_keys(left: Keys, right: Keys) -> Keys:
    """Keys of pairs of words, in either order."""
    return _mixed((left + right) * _PAIR ^ (left ^ right))


def whole_keys(hashes: Keys, lengths: NDArray[np.int64]) -> Keys:
    """One key for each text, of all its words in order; ``hashes`` holds the texts (none empty) end to end."""
    powers = _powers_up_to(1 << max(10, int(lengths.max(initial=0)).bit_length()))
    starts = np.cumsum(lengths) - lengths
    places = np.arange(len(hashes)) - np.repeat(starts, lengths)
    return _mixed(np.add.reduceat(hashes * powers[places], starts))


@lru_cache(maxsize=4)
def _powers_up_to(size: int) -> Keys:
    return np.cumprod(np.full(size, _WHOLE, np.uint64), dtype=np.uint64)


def _mixed(keys: Keys) -> Keys:
    keys = (keys ^ (keys >> _S30)) * _MIX_1
    keys = (keys ^ (keys >> _S27)) * _MIX_2
    return keys ^ (keys >> _S31)
