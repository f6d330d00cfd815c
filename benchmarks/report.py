"""What every benchmark shares: the options, the clock, the table for people and the JSON line for machines.

options = report.options(__doc__)                      # --quick, --json, and whatever the caller adds
result = Report("gate", options, baseline="better-profanity 0.7.0")
times = report.clock(lambda: gate.judge(text), runs=500)
result.measure("gate_p50_ms", times.p50, "ms")         # a row of the table and a key of the JSON line
result.table("By filter", ["filter", "ms"], rows)      # a further table, for people only
result.note("The pool is not here, so no AUROC was measured.")
result.finish()                                        # prints; with --json one JSON line comes last
"""

import argparse
import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

Value = float | int | str | bool | None
T = TypeVar("T")


def parser(doc: str | None) -> argparse.ArgumentParser:
    """The parser with the two options every benchmark has; add your own to it, then call :func:`options`."""
    parser = argparse.ArgumentParser(
        description=(doc or "").strip().split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a small run of under a minute, for CI")
    parser.add_argument("--json", action="store_true", help="print one JSON line last")
    return parser


def options(doc: str | None, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line of a benchmark that has no options of its own."""
    return parser(doc).parse_args(argv)


@dataclass(frozen=True, slots=True)
class Times:
    """How long single calls took, in milliseconds: by the clock, and of this thread's processor time.

    On a busy machine the clock also counts the time in which others ran; the processor time does not.
    """

    milliseconds: tuple[float, ...]
    cpu: tuple[float, ...] = ()

    @property
    def p50(self) -> float:
        """Median."""
        return statistics.median(self.milliseconds)

    @property
    def p95(self) -> float:
        """95th percentile (nearest rank)."""
        return _quantile(self.milliseconds, 0.95)

    @property
    def p99(self) -> float:
        """99th percentile (nearest rank)."""
        return _quantile(self.milliseconds, 0.99)

    @property
    def cpu_p99(self) -> float:
        """The same of the processor time."""
        return _quantile(self.cpu or self.milliseconds, 0.99)

    @property
    def mean(self) -> float:
        """Arithmetic mean."""
        return statistics.fmean(self.milliseconds)


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def clock(call: Callable[[], object], *, runs: int, warmup: int = 3) -> Times:
    """Time ``call`` alone ``runs`` times, after some calls that are not counted."""
    return clock_each(lambda _: call(), range(runs), warmup=warmup)


def clock_each(call: Callable[[T], object], items: Sequence[T], *, warmup: int = 3) -> Times:
    """Time ``call(item)`` for every item, after ``warmup`` uncounted calls on the first items."""
    for item in items[:warmup]:
        call(item)
    took, cpu = [], []
    for item in items:
        start, cpu_start = time.perf_counter_ns(), time.thread_time_ns()
        call(item)
        cpu_end, end = time.thread_time_ns(), time.perf_counter_ns()
        took.append((end - start) / 1e6)
        cpu.append((cpu_end - cpu_start) / 1e6)
    return Times(tuple(took), tuple(cpu))


def median_of(measure: Callable[[], float], runs: int) -> float:
    """Median of ``runs`` repetitions of a measurement that returns one number."""
    return statistics.median(measure() for _ in range(runs))


def memory_mb() -> float:
    """Resident memory of this process now, in MB (10^6 bytes); the peak where the system cannot say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def machine() -> str:
    """One line that says what the numbers were measured on, and how busy it was."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    return f"{name}, {os.cpu_count()} cores, {load}, {platform.system()}, Python {platform.python_version()}"


def installed(package: str) -> str | None:
    """Version of an installed distribution, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@dataclass
class Report:
    """Collects measurements, then prints them."""

    name: str
    options: argparse.Namespace
    baseline: str  # what the ratios are against, with its version
    runs: str = ""  # how often, and what the numbers are: "5 runs of 200 texts, medians"
    values: dict[str, Value] = field(default_factory=dict)
    _units: dict[str, str] = field(default_factory=dict)
    _tables: list[Table] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)

    def measure(self, key: str, value: Value, unit: str = "") -> None:
        """One number under a plain key: a row of the first table, an entry of the JSON line."""
        self.values[key] = round(value, 4) if isinstance(value, float) else value
        self._units[key] = unit

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A further table for people; the first column is left-aligned, the others right."""
        table = Table(title=title, title_justify="left")
        for number, column in enumerate(columns):
            table.add_column(column, justify="right" if number else "left")
        for row in rows:
            table.add_row(*(_shown(cell) for cell in row))
        self._tables.append(table)

    def note(self, sentence: str) -> None:
        """A plain sentence under the tables: what was left out, and why."""
        self._notes.append(sentence)

    def finish(self) -> None:
        """Print everything; with ``--json`` the last line is one JSON object."""
        console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
        table = Table(title=f"{self.name}{' (quick)' if self.options.quick else ''}", title_justify="left")
        table.add_column("measure")
        table.add_column("value", justify="right")
        table.add_column("unit")
        for key, value in self.values.items():
            table.add_row(key, _shown(value), self._units[key])
        for each in (table, *self._tables):
            console.print(each)
        for line in (f"baseline: {self.baseline}", f"runs: {self.runs}", f"machine: {machine()}", *self._notes):
            console.print(line, markup=False)
        if self.options.json:
            head = {"benchmark": self.name, "quick": self.options.quick, "baseline": self.baseline}
            tail = {"runs": self.runs, "machine": machine(), "notes": self._notes}
            print(json.dumps(head | self.values | tail, ensure_ascii=False))


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
