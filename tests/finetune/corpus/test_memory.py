"""Memory does not grow with the corpus but for a few bytes a row."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.finetune.corpus.making import write

# VmHWM is this process's own high-water mark; `ru_maxrss` would begin with that of the test run that started it.
_MEASURE = """
import re, sys
from pathlib import Path
from finetune.corpus import read
rows = len(read([Path(sys.argv[1])]).rows)
print(rows, re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def peak(path: Path) -> tuple[int, int]:
    """Rows, and peak resident memory in bytes, of reading a file in a process of its own."""
    done = subprocess.run([sys.executable, "-c", _MEASURE, path], capture_output=True, text=True, check=True)
    rows, kilobytes = done.stdout.split()
    return int(rows), int(kilobytes) * 1024


def body(count: int) -> str:
    """Rows that are no repeats of each other."""
    return "id,text\n" + "".join(f"{n},{n * 7919} {n**3} {n * 104_729} things happened to me\n" for n in range(count))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Only Linux tells a process's own high-water mark.")
def test_forty_thousand_rows_cost_little_more_than_four_thousand(tmp_path: Path) -> None:
    """Under 500 bytes a row beyond the first 4,000, texts, hashes and repeats included (measured: about 140)."""
    few_rows, few = peak(write(tmp_path / "few.csv", body(4_000)))
    many_rows, many = peak(write(tmp_path / "many.csv", body(40_000)))
    assert few_rows > 3_900
    assert many_rows > 39_000
    assert many - few < 36_000 * 500
