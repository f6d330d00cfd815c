"""How fast a corpus is read, cleaned and deduplicated, and how little memory a million rows take.

Each size is read from a CSV in a process of its own; its peak resident memory is compared with that of the smallest.
Baselines: for memory and time, what one does in a notebook (pandas: read, strip, drop_duplicates: exact repeats only,
no cleaning); for near duplicates, datasketch's MinHash and MinHashLSH with as many hashes and the same shingles.
"""

import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import report
from benchmarks.echo import made_up_rows, real_rows
from finetune.corpus.duplicates import BANDS, ROWS_PER_BAND, SHINGLE, Duplicates, key_text
from finetune.corpus.row import Row

SIZES = {"10k": 10_000, "100k": 100_000, "1M": 1_000_000}
NEAR_ROWS = 10_000

# The kernel's own high-water mark: `ru_maxrss` of a child would begin with its parent's.
_PEAK = """
import re, resource, sys
def peak():
    try:
        return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1e3 * 1.024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
"""
_OURS = (
    _PEAK
    + """
import json, time
from pathlib import Path
from finetune.corpus import read
start = time.perf_counter()
rows = len(read([Path(sys.argv[1])]).rows)
print(json.dumps([rows, time.perf_counter() - start, time.process_time(), peak()]))
"""
)
_PANDAS = (
    _PEAK
    + """
import json, time
import pandas
start = time.perf_counter()
table = pandas.read_csv(sys.argv[1])
table["text"] = table["text"].str.strip()
rows = len(table.drop_duplicates("text"))
print(json.dumps([rows, time.perf_counter() - start, time.process_time(), peak()]))
"""
)


def main() -> None:
    """Read each size both ways, then look for near duplicates both ways."""
    options = report.options(__doc__)
    sizes = ["10k", "100k"] if options.quick else list(SIZES)
    result = report.Report("corpus", options, baseline="pandas read_csv + drop_duplicates; datasketch MinHashLSH")
    result.runs = "one run a size, each in a fresh process; memory is the peak of the whole process"
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        peaks: dict[str, float] = {}
        for name in sizes:
            path = Path(folder) / f"{name}.csv"
            write(path, SIZES[name])
            for who, code in (("ours", _OURS), ("pandas", _PANDAS)):
                kept, seconds, busy, peak = measured(code, path)
                peaks[f"{who}_{name}"] = peak
                rows.append((f"{who}, {name}", kept, seconds, busy, SIZES[name] / seconds, peak))
                if who == "ours":
                    result.measure(f"rows_per_second_{name}", SIZES[name] / seconds, "rows a second")
                    result.measure(f"rows_per_cpu_second_{name}", SIZES[name] / busy, "rows a second of processor")
            path.unlink()
    for name in sizes[1:]:
        growth = peaks[f"ours_{name}"] - peaks["ours_10k"]
        result.measure(f"growth_10k_to_{name}_mb", growth, "MB resident")
        result.measure(f"growth_bytes_a_row_{name}", growth * 1e6 / (SIZES[name] - SIZES["10k"]), "bytes")
        result.measure(f"pandas_growth_10k_to_{name}_mb", peaks[f"pandas_{name}"] - peaks["pandas_10k"], "MB resident")
    result.table("Reading", ["", "rows kept", "seconds", "of processor", "rows a second", "peak MB"], rows)
    near(result)
    result.note("pandas cleans nothing and finds exact repeats only: it is here for memory, not as an equal.")
    result.finish()


def write(path: Path, count: int) -> None:
    """A CSV of `count` rows: the benchmark posts where they are, then made-up ones."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "created_at", "text", "likes"])
        number = 0
        for number, text in enumerate(real_rows()[:count], 1):
            table.writerow([number, "2024-01-01T00:00:00Z", text, number % 50])
        for text in made_up_rows(count - number, seed=4):
            number += 1
            table.writerow([number, "2024-01-01T00:00:00Z", text, number % 50])


def measured(code: str, path: Path) -> tuple[int, float, float, float]:
    """Rows kept, seconds, seconds of processor (imports included), peak MB of some code in a process of its own."""
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    kept, seconds, busy, peak = json.loads(done.stdout)
    return int(kept), float(seconds), float(busy), float(peak)


def near(result: report.Report) -> None:
    """Near duplicates among the same posts, with a tenth of them repeated with a word left out."""
    posts = (real_rows() or list(made_up_rows(NEAR_ROWS, seed=2)))[:NEAR_ROWS]
    for number in range(0, len(posts) - 1, 10):
        words = posts[number].split()
        posts[number + 1] = " ".join(words[:2] + words[3:])
    start = time.perf_counter()
    finder = Duplicates(near=0.8)
    for post in posts:
        finder.add(post)
    ours = {place for place, _, _ in finder.find([Row(text=post) for post in posts])}
    own = time.perf_counter() - start
    result.measure("near_rows_per_second", len(posts) / own, "rows a second")
    try:
        from datasketch import MinHash, MinHashLSH
    except ImportError:
        result.note("datasketch is not installed, so near duplicates were not compared.")
        return
    start = time.perf_counter()
    index = MinHashLSH(threshold=0.8, num_perm=BANDS * ROWS_PER_BAND, params=(BANDS, ROWS_PER_BAND))
    signatures: list[MinHash] = []
    theirs: set[int] = set()
    for place, post in enumerate(posts):
        key = key_text(post)
        signature = MinHash(num_perm=BANDS * ROWS_PER_BAND)
        signature.update_batch([key[at : at + SHINGLE].encode() for at in range(max(1, len(key) - SHINGLE + 1))])
        signatures.append(signature)
        if any(signature.jaccard(signatures[other]) >= 0.8 for other in index.query(signature)):
            theirs.add(place)
        else:
            index.insert(place, signature)
    spent = time.perf_counter() - start
    result.measure("datasketch_rows_per_second", len(posts) / spent, "rows a second")
    result.measure("vs_datasketch", spent / own, "times as fast")
    result.measure("found_by_both", len(ours & theirs), "rows")
    result.measure("found_by_us_alone", len(ours - theirs), "rows")
    result.measure("found_by_datasketch_alone", len(theirs - ours), "rows (its estimates; ours are compared exactly)")


if __name__ == "__main__":
    main()
