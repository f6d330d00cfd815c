"""The benchmarks' own ruler: options, clock, and one JSON line last."""

import json

import pytest

from benchmarks import report


def test_the_last_line_is_json_with_plain_keys(capsys: pytest.CaptureFixture[str]) -> None:
    result = report.Report("gate", report.options("doc", ["--quick", "--json"]), baseline="other 1.0", runs="3 runs")
    result.measure("gate_p50_ms", 0.123456, "ms")
    result.table("By filter", ["filter", "ms"], [["shape", 0.01]])
    result.note("The pool is not here.")
    result.finish()
    shown = capsys.readouterr().out
    line = json.loads(shown.splitlines()[-1])
    assert line["gate_p50_ms"] == 0.1235
    assert line["quick"] is True
    assert line["baseline"] == "other 1.0"
    assert "cores" in line["machine"]
    assert "shape" in shown
    assert "The pool is not here." in shown


def test_without_json_there_is_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    result = report.Report("gate", report.options("doc", []), baseline="other")
    result.measure("works", True)
    result.finish()
    assert "{" not in capsys.readouterr().out


def test_quantiles_are_nearest_rank() -> None:
    times = report.Times(tuple(float(number) for number in range(1, 101)))
    assert times.p50 == 50.5
    assert times.p99 == 100.0
    assert report.Times((2.0,)).p99 == 2.0


def test_the_clock_does_not_count_the_warmup() -> None:
    calls: list[int] = []
    times = report.clock_each(calls.append, [1, 2, 3], warmup=2)
    assert calls == [1, 2, 1, 2, 3]
    assert len(times.milliseconds) == 3
    assert all(each >= 0 for each in times.milliseconds)
