"""Memory does not grow with the corpus but for a few bytes a row."""

import os
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


_FULL = """
import resource, sys
from pathlib import Path
from finetune.corpus import read
from finetune.errors import NoRoom
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    read([Path(sys.argv[1])])
except NoRoom as error:
    print(error)
"""


def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    """Files may not grow beyond 200 kB in that process: the rows do not fit, and nothing is left behind."""
    path, room = write(tmp_path / "a.csv", body(20_000)), tmp_path / "room"
    room.mkdir()
    environment = os.environ | {"TMPDIR": str(room)}
    command = [sys.executable, "-c", _FULL, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.startswith(f"There is no room left in {room} for the rows"), done.stderr
    assert list(room.iterdir()) == []
