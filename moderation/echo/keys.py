"""Every key that texts can be found by, of many texts at once."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from moderation.echo import layout
from moderation.echo.words import Keys, Words, pair_keys, shingle_keys, whole_keys

Ints = NDArray[np.int64]
_REPEATING = 64  # words: from here on a key that comes again is dropped, or "the the the" would cost a second


def keys_of(texts: Sequence[Words]) -> tuple[Keys, Ints]:
    """Keys of texts that have words: all words, each three in a row, each pair within reach; and whose each key is."""
    lengths = np.array([len(words) for words in texts], np.int64)
    hashes = np.concatenate([words.hashes for words in texts]) if len(texts) > 1 else texts[0].hashes
    starts = np.cumsum(lengths) - lengths
    owners = np.repeat(np.arange(len(texts)), lengths)
    threes = owners[:-2] == owners[2:]
    reaches = [_reach(int(length)) for length in lengths]
    left = np.concatenate([pairs[0] + start for pairs, start in zip(reaches, starts, strict=True)])
    right = np.concatenate([pairs[1] + start for pairs, start in zip(reaches, starts, strict=True)])
    keys = np.concatenate(
        [whole_keys(hashes, lengths), shingle_keys(hashes)[threes], pair_keys(hashes[left], hashes[right])]
    )
    whose = np.concatenate([np.arange(len(texts)), owners[:-2][threes], owners[left]])
    if lengths.max() <= _REPEATING:
        return keys, whose
    order = np.lexsort((keys, whose))
    keys, whose = keys[order], whose[order]
    new = np.append(True, (keys[1:] != keys[:-1]) | (whose[1:] != whose[:-1]))
    return keys[new], whose[new]


@lru_cache(maxsize=1024)
def _reach(length: int) -> tuple[Ints, Ints]:
    """Places of all pairs of words at most PAIR_REACH apart."""
    left = np.repeat(np.arange(length), layout.PAIR_REACH)
    right = left + np.tile(np.arange(1, layout.PAIR_REACH + 1), length)
    inside = right < length
    return left[inside], right[inside]
