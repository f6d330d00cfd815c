"""presidio as a second opinion: the real package where it is installed, and held texts where it is not."""

import csv
from importlib import resources
from importlib.util import find_spec

import pytest

from bot.settings import GateSettings, Settings
from bot.wiring import open_gate
from moderation.context import Context
from moderation.filters.base import RemoteFilter
from moderation.filters.presidio import PresidioFilter
from moderation.gate import FAILED, Gate
from moderation.normalise import normalise
from moderation.policy import Policy
from moderation.verdict import Decision

with_presidio = pytest.mark.skipif(
    find_spec("presidio_analyzer") is None, reason="presidio is not installed: pip install -e '.[presidio]'"
)


@pytest.fixture(scope="module")
def presidio() -> PresidioFilter:
    return PresidioFilter(timeout=20.0)


@with_presidio
@pytest.mark.parametrize(
    ("text", "number", "what"),
    [
        ("my social security number is 536-90-4399", "536-90-4399", "US social security"),
        ("they asked for my NHS number, 943 476 5919, again", "943 476 5919", "British NHS"),
        ("NI number AB123456C, since you ask", "AB123456C", "National Insurance"),
        ("my PESEL is 44051401359", "44051401359", "Polish PESEL"),
        ("my SIN is 130 692 544", "130 692 544", "Canadian social insurance"),
        ("passport number 912803456", "912803456", "US passport"),
    ],
)
def test_official_numbers_are_found_where_they_stand(
    presidio: PresidioFilter, text: str, number: str, what: str
) -> None:
    [found] = presidio.judge(normalise(text), Context())
    assert found.category == "personal"
    assert found.span is not None
    assert text[found.span.start : found.span.end] == number
    assert what in found.reason


@with_presidio
def test_a_number_needs_its_check_digit_or_a_word_beside_it(presidio: PresidioFilter) -> None:
    for text in ("I ate 123456789 biscuits", "my NHS number is 943 476 5918", "H12234567 is a fine name for a robot"):
        assert presidio.judge(normalise(text), Context()) == []


@with_presidio
def test_harmless_confessions_are_left_alone(presidio: PresidioFilter) -> None:
    with resources.files("finetune").joinpath("corpora", "confessions.csv").open(encoding="utf-8") as rows:
        posts = [row["confession"] for row in csv.DictReader(rows)]
    assert not [post for post in posts[::5] if presidio.judge(normalise(post), Context())]


@with_presidio
def test_the_gate_holds_what_it_finds_and_gives_it_a_time_limit(presidio: PresidioFilter) -> None:
    assert isinstance(presidio, RemoteFilter)
    gate = Gate([presidio], Policy())
    assert gate.judge("my social security number is 536-90-4399").decision is Decision.HOLD
    assert gate.judge("I iron my socks.").decision is Decision.ALLOW
    gate.close()
    hurried = PresidioFilter(timeout=1e-6)
    gate = Gate([hurried], Policy())
    verdict = gate.judge("I iron my socks. " * 200)
    assert verdict.decision is Decision.HOLD
    assert [finding.category for finding in verdict.findings] == [FAILED]
    gate.close()


def test_it_is_off_until_the_owner_switches_it_on_and_holds_while_it_is_missing() -> None:
    gate = open_gate(Settings())
    assert "presidio" not in [each.name for each in gate.filters]
    gate.close()
    gate = open_gate(Settings(gate=GateSettings(presidio=True, timeout=30.0)))
    verdict = gate.judge("I iron my socks.")
    assert "presidio" in [run.filter for run in verdict.runs]
    if find_spec("presidio_analyzer") is None:
        assert verdict.decision is Decision.HOLD
        [error] = [run.error for run in verdict.runs if run.filter == "presidio"]
        assert error is not None and "pip install 'confessional[presidio]'" in error
    else:
        assert verdict.decision is Decision.ALLOW
    gate.close()
