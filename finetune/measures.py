"""What a set of samples is like: does it vary, is it as long as the real posts, does it keep to a topic.

Whether it copies is asked of :func:`moderation.echo.copy_rate`.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

WORD = re.compile(r"\w+(?:['’]\w+)*")


def words(text: str) -> list[str]:
    """Lower-case words of a text."""
    return [word.lower() for word in WORD.findall(text)]


def distinct(samples: Iterable[str], n: int) -> float:
    """Different n-grams of words as a share of all (Li et al. 2016, arXiv:1510.03055); 1 is most varied."""
    grams = Counter(gram for sample in samples for gram in _grams(words(sample), n))
    return len(grams) / grams.total() if grams else 0.0


def self_bleu(samples: Sequence[str], most: int = 200) -> float:
    """Mean BLEU-4 of each sample against all the others (Zhu et al. 2018, arXiv:1802.01886); 0 is most varied.

    Precisions are smoothed by adding one above unigrams (Lin and Och 2004, method 2); only the first ``most`` samples
    are compared, as the work grows with their square.
    """
    texts = [found for found in map(words, samples[:most]) if found]
    if len(texts) < 2:
        return 0.0
    counted = [[Counter(_grams(text, n)) for n in range(1, 5)] for text in texts]
    return sum(_bleu(i, texts, counted) for i in range(len(texts))) / len(texts)


def _bleu(i: int, texts: Sequence[list[str]], counted: Sequence[Sequence["Counter[tuple[str, ...]]"]]) -> float:
    log_precision = 0.0
    for n in range(4):
        grams = counted[i][n]
        matched = sum(
            min(count, max(counted[j][n][gram] for j in range(len(texts)) if j != i)) for gram, count in grams.items()
        )
        total = grams.total()
        if n == 0 and not matched:
            return 0.0
        log_precision += math.log((matched + (n > 0)) / (total + (n > 0)) if total or n else 1.0) / 4
    length = len(texts[i])
    nearest = min((len(texts[j]) for j in range(len(texts)) if j != i), key=lambda other: (abs(other - length), other))
    return math.exp(log_precision + min(0.0, 1 - nearest / length))


def length_gap(samples: Sequence[str], rows: Sequence[str]) -> float:
    """Kolmogorov-Smirnov distance between the lengths in words: 0 is the same, 1 is nothing in common."""
    ours, theirs = sorted(len(words(text)) for text in samples), sorted(len(words(text)) for text in rows)
    if not ours or not theirs:
        return 1.0
    gap, i, j = 0.0, 0, 0
    for value in sorted({*ours, *theirs}):
        while i < len(ours) and ours[i] <= value:
            i += 1
        while j < len(theirs) and theirs[j] <= value:
            j += 1
        gap = max(gap, abs(i / len(ours) - j / len(theirs)))
    return gap


def histogram(texts: Iterable[str], width: int = 5, bins: int = 16) -> list[float]:
    """Shares of the texts by length: bin k holds k*width to (k+1)*width-1 words, the last bin all longer ones."""
    counts = [0] * bins
    for text in texts:
        counts[min(bins - 1, len(words(text)) // width)] += 1
    total = sum(counts) or 1
    return [count / total for count in counts]


def _grams(tokens: Sequence[str], n: int) -> Iterable[tuple[str, ...]]:
    return (tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))
