"""How fast, how large and how sharp the echo index is, at three sizes.

Rows come from real posts where ``../shared/data/posts`` lies beside the checkout, and beyond these, or without them,
from made-up posts with a natural spread of words, the same on every machine. The baseline compares a text with every
row (rapidfuzz ``extractOne`` with a cut-off, on a sample of texts), which is what one does without an index.
"""

import csv
import random
import shutil
import string
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from rapidfuzz import fuzz, process

from benchmarks import report
from moderation.echo import EchoIndex
from moderation.echo.words import split

POSTS = Path(__file__).parents[1].parent / "shared" / "data" / "posts" / "funtweets" / "funtweets.csv"
SIZES = {"16k": 16_000, "200k": 200_000, "1M": 1_000_000}
_VOCABULARY = 30_000


def real_rows() -> list[str]:
    """The unique posts of the benchmark corpus, shuffled; empty where it is not there."""
    try:
        with POSTS.open(newline="", encoding="utf-8") as file:
            rows = list(dict.fromkeys(row[1] for row in csv.reader(file) if len(row) == 2))[1:]
    except OSError:
        return []
    random.Random(1).shuffle(rows)
    return rows


def made_up_rows(count: int, seed: int) -> Iterator[str]:
    """Rows of 6 to 32 words drawn with Zipf's frequencies, each word leaning on the one before."""
    chance = random.Random(seed)
    words = [
        "".join(random.Random(number).choices(string.ascii_lowercase, k=2 + number % 8))
        for number in range(_VOCABULARY)
    ]
    weights = [1 / (rank + 3) for rank in range(_VOCABULARY)]
    draws = chance.choices(range(_VOCABULARY), weights, k=400_000)
    for _ in range(count):
        at = chance.randrange(len(draws) - 64)
        length = chance.randint(6, 32)
        picked = [
            words[draws[at + chance.randrange(64)] if chance.random() < 0.5 else draws[chance.randrange(len(draws))]]
            for _ in range(length)
        ]
        yield " ".join(picked)


def with_typos(text: str, chance: random.Random) -> str:
    """Two characters changed, dropped or added."""
    for _ in range(2):
        at, letter = chance.randrange(len(text)), chance.choice(string.ascii_lowercase)
        text = text[:at] + chance.choice([letter, "", letter + text[at]]) + text[at + 1 :]
    return text


def with_swaps(text: str, chance: random.Random, words: list[str]) -> str:
    """A tenth of the words replaced by words of other rows."""
    parts = text.split()
    for at in chance.sample(range(len(parts)), round(len(parts) / 10)):
        parts[at] = chance.choice(words)
    return " ".join(parts)


def caught(index: EchoIndex, texts: list[str]) -> tuple[float, report.Times]:
    """Share of texts found to be copies, and how long each took."""
    copies: list[bool] = []

    def look(text: str) -> None:
        copies.append(index.copies([text])[0] is not None)

    times = report.clock_each(look, texts, warmup=20)
    return sum(copies[20:]) / len(texts), times


def main() -> None:
    """Build and question an index of each size."""
    options = report.options(__doc__)
    sizes = ["16k", "200k"] if options.quick else list(SIZES)
    asked = 400 if options.quick else 2000
    result = report.Report("echo", options, baseline="rapidfuzz extractOne over all rows")
    result.runs = f"one build a size; {asked} texts of each kind, each timed alone"
    rows = real_rows()
    if not rows:
        result.note("The benchmark posts (../shared/data/posts) are not here: all rows are made up.")
    with tempfile.TemporaryDirectory() as folder:
        for name in sizes:
            measure(name, rows, asked, Path(folder) / name, result)
            shutil.rmtree(Path(folder) / name)
    result.finish()


def measure(name: str, real: list[str], asked: int, folder: Path, result: report.Report) -> None:
    """One size: build, open, and ask for copies of each kind and for strangers."""
    count = SIZES[name]
    chance = random.Random(count)
    mine, strangers = real[: min(16_000, count)], real[16_000 : 16_000 + asked]
    sample = mine or list(made_up_rows(16_000, seed=2))
    strangers = strangers or list(made_up_rows(asked, seed=3))

    def rows() -> Iterator[str]:
        yield from sample
        yield from made_up_rows(count - len(sample), seed=4)

    start = time.perf_counter()
    EchoIndex.build(rows(), folder)
    result.measure(f"build_{name}_s", time.perf_counter() - start, "s")
    result.measure(f"size_{name}_mb", sum(path.stat().st_size for path in folder.iterdir()) / 1e6, "MB on disk")
    before = report.memory_mb()
    index = EchoIndex.open(folder)
    picked = [row for row in chance.sample(sample, min(len(sample), 3 * asked)) if len(split(row)) >= 4][:asked]
    words = [word for row in sample[:2000] for word in row.split()]
    attacks: dict[str, Callable[[str], str]] = {
        "exact": str,
        "two_typos": partial(with_typos, chance=chance),
        "embedded": lambda row: f"{chance.choice(strangers)} {row} {chance.choice(strangers)}",
        "swapped": partial(with_swaps, chance=chance, words=words),
    }
    for kind, attack in attacks.items():
        share, _ = caught(index, [attack(row) for row in picked])
        result.measure(f"{kind}_{name}_caught", share, "share")
    share, times = caught(index, strangers)
    result.measure(f"strangers_{name}_flagged", share, "share (some are true near copies: jokes are retold)")
    share, _ = caught(index, list(made_up_rows(asked, seed=5)))
    result.measure(f"made_up_{name}_flagged", share, "share")
    result.measure(f"lookup_{name}_p50_ms", times.p50, "ms")
    result.measure(f"lookup_{name}_p99_ms", times.p99, "ms")
    result.measure(f"lookup_{name}_cpu_p99_ms", times.cpu_p99, "ms of processor time")
    result.measure(f"memory_{name}_mb", report.memory_mb() - before, "MB resident after these lookups, one by one")
    batch = report.clock(lambda: index.copies(strangers), runs=3, warmup=1)
    result.measure(f"lookup_{name}_batch_per_s", len(strangers) / batch.p50 * 1000, "texts a second, all at once")
    if count <= 200_000:
        everything = [" ".join(split(row).words) for row in rows()]
        slow = report.clock_each(
            lambda text: process.extractOne(text, everything, scorer=fuzz.ratio, score_cutoff=82),
            strangers[:5],
            warmup=1,
        )
        result.measure(f"baseline_{name}_p50_ms", slow.p50, "ms")
        result.measure(f"faster_{name}", slow.p50 / times.p50, "times")


if __name__ == "__main__":
    main()
