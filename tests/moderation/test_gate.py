"""The gate: the worst finding wins, failures hold, alarms ring once, and the record says who ran."""

import csv
import logging
from importlib import resources
from pathlib import Path
from time import thread_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.context import Context
from moderation.echo import EchoIndex
from moderation.filters.base import Filter
from moderation.gate import FAILED, Absent, Gate, default_gate
from moderation.policy import DEFAULT_RULES, NEVER_ALLOW, Policy
from moderation.verdict import Decision, Verdict
from tests.moderation.scripted import Scripted, ScriptedBatch, crash, found, nothing, scored, slow


def _gate(*filters: Filter, policy: dict[str, object] | None = None, slow: float = 1.0) -> Gate:
    return Gate(filters, Policy.model_validate(policy or {}), slow=slow)


def test_the_worst_finding_wins() -> None:
    gate = _gate(Scripted("a", found("swearing")), Scripted("b", found("slur")), Scripted("c", nothing))
    verdict = gate.judge("hello")
    assert verdict.decision is Decision.BLOCK
    assert [finding.decision for finding in verdict.findings] == [Decision.HOLD, Decision.BLOCK]
    assert verdict.reasons[0] == "It does."


def test_nothing_found_is_allowed_and_says_who_looked() -> None:
    gate = _gate(Scripted("a", nothing), Scripted("b", nothing))
    verdict = gate.judge("hello")
    assert verdict.decision is Decision.ALLOW and not verdict.findings
    assert [(run.filter, run.version, run.error) for run in verdict.runs] == [("a", "7", None), ("b", "7", None)]
    assert all(0 <= run.milliseconds < 1000 for run in verdict.runs)
    assert verdict.policy == gate.policy.hash


def test_a_score_under_its_threshold_is_recorded_but_no_finding() -> None:
    verdict = _gate(Scripted("a", scored("insult", 0.3))).judge("hello")
    assert verdict.decision is Decision.ALLOW and not verdict.findings
    assert verdict.scores == {"insult": 0.3}


@pytest.mark.parametrize(
    ("score", "decision", "threshold"),
    [(0.49, Decision.ALLOW, None), (0.5, Decision.HOLD, 0.5), (0.9, Decision.BLOCK, 0.9)],
)
def test_thresholds_count_from_their_own_value(score: float, decision: Decision, threshold: float | None) -> None:
    gate = _gate(Scripted("a", scored("hate", score)), policy={"rules": {"hate": {"hold": 0.5, "block": 0.9}}})
    verdict = gate.judge("hello")
    assert verdict.decision is decision
    assert [finding.threshold for finding in verdict.findings] == ([] if threshold is None else [threshold])


def test_a_filter_that_raises_holds_and_says_why() -> None:
    verdict = _gate(Scripted("good", nothing), Scripted("bad", crash)).judge("crash")
    assert verdict.decision is Decision.HOLD
    assert verdict.findings[0].category == FAILED
    assert verdict.runs[1].error == "ValueError: it crashed"


def test_no_rule_can_let_a_failure_through() -> None:
    everything: dict[str, object] = {"rules": {name: "allow" for name in DEFAULT_RULES if name not in NEVER_ALLOW}}
    assert _gate(Scripted("bad", crash), policy=everything).judge("crash").decision is Decision.HOLD
    with pytest.raises(ValueError, match="no category"):
        _gate(Scripted("bad", crash), policy={"rules": {FAILED: "allow"}})


def test_a_failure_does_not_soften_a_block() -> None:
    gate = _gate(Scripted("bad", crash), Scripted("a", found("slur")))
    assert gate.judge("crash").decision is Decision.BLOCK


def test_an_alarm_rings_once_for_each_filter_and_kind(caplog: pytest.LogCaptureFixture) -> None:
    gate = _gate(Scripted("one", crash), Scripted("two", crash))
    with caplog.at_level(logging.ERROR):
        for _ in range(1000):
            gate.judge("crash")
    alarms = [record for record in caplog.records if getattr(record, "action", "") == "filter-failed"]
    assert sorted(record.filter for record in alarms) == ["one", "two"]  # type: ignore[attr-defined]


def test_a_filter_that_takes_too_long_holds() -> None:
    gate = _gate(Scripted("lazy", slow), slow=0.05)
    assert gate.judge("quick").decision is Decision.ALLOW
    verdict = gate.judge("slow")
    assert verdict.decision is Decision.HOLD
    assert verdict.runs[0].error is not None and verdict.runs[0].error.startswith("FilterTimeout")


def test_a_missing_model_holds_everything_and_says_what_is_missing() -> None:
    verdict = _gate(Absent("classifier", "its weights are missing")).judge("hello")
    assert verdict.decision is Decision.HOLD
    assert verdict.runs[0].version == "absent"
    assert verdict.runs[0].error == "FilterUnavailable: its weights are missing"


def test_of_a_batch_that_fails_only_the_culprit_is_held() -> None:
    batch = ScriptedBatch("batch", crash)
    verdicts = _gate(batch).judge_many(["one", "crash", "three"])
    assert [verdict.decision for verdict in verdicts] == [Decision.ALLOW, Decision.HOLD, Decision.ALLOW]
    assert batch.batches == 1


def test_a_batch_is_asked_once() -> None:
    batch = ScriptedBatch("batch", scored("spam", 0.2))
    verdicts = _gate(batch).judge_many(["one", "two", "three"])
    assert (batch.batches, batch.calls) == (1, 0)
    assert [verdict.scores for verdict in verdicts] == [{"spam": 0.2}] * 3


def test_a_category_that_nobody_knows_is_held() -> None:
    assert _gate(Scripted("a", found("news-to-us"))).judge("hello").decision is Decision.HOLD


def test_x_is_always_looked_at_and_a_prompt_for_it_is_not() -> None:
    gate = _gate(Scripted("a", nothing))
    held = gate.judge("hello", Context(platform="x"))
    assert held.decision is Decision.HOLD
    assert [finding.category for finding in held.findings] == ["always-review"]
    assert gate.judge("hello", Context(platform="x", role="prompt")).decision is Decision.ALLOW
    loose = _gate(Scripted("a", nothing), policy={"platforms": {"x": {"always_review": False}}})
    assert loose.judge("hello", Context(platform="x")).decision is Decision.ALLOW


def test_a_shadow_rule_is_logged_and_not_enforced() -> None:
    gate = _gate(Scripted("a", scored("spam", 0.4)), policy={"shadow": {"spam": {"hold": 0.3}}})
    verdict = gate.judge("hello")
    assert verdict.decision is Decision.ALLOW
    assert [(finding.category, finding.shadow, finding.threshold) for finding in verdict.findings] == [
        ("spam", True, 0.3)
    ]
    assert not verdict.reasons


def test_a_verdict_survives_the_record() -> None:
    verdict = default_gate().judge("@everyone sh1t, mail bob@example.com")
    assert Verdict.from_json(verdict.to_json()) == verdict


def test_a_gate_without_filters_allows() -> None:
    assert [verdict.decision for verdict in _gate().judge_many(["a", "b"])] == [Decision.ALLOW] * 2


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_no_text_makes_an_embedded_filter_fail(text: str) -> None:
    verdict = _default().judge(text, Context(platform="discord"))
    assert [run for run in verdict.runs if run.error] == []
    for finding in verdict.findings:
        assert finding.span is None or 0 <= finding.span.start <= finding.span.end <= len(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(alphabet="fuck sh1t@everyone.com 020794609\u200b*", max_size=60), max_size=6))
def test_many_at_once_are_judged_as_one_by_one(texts: list[str]) -> None:
    together, alone = _default().judge_many(texts), [_default().judge(text) for text in texts]
    assert [(v.decision, v.findings) for v in together] == [(v.decision, v.findings) for v in alone]


@pytest.mark.parametrize(
    "piece",
    ["07700 ", "4111 ", "fu*k ", "fuck ", "a@a.", "sw1a 1", "5 a ", "a b ", "[a](", "sex child ", "\u0301", "🅵", "aab"],
)
def test_four_thousand_hostile_characters_are_judged_within_the_stated_time(piece: str) -> None:
    """Stated in docs/moderation.md: a tenth of a second of processor time for all embedded filters together."""
    text = (piece * 4000)[:4000]

    def took() -> float:
        began = thread_time()
        _default().judge(text)
        return thread_time() - began

    assert min(took() for _ in range(4)) < 0.1  # the least disturbed: another program may empty the caches


_DEFAULT: list[Gate] = []


def _default() -> Gate:
    if not _DEFAULT:
        _DEFAULT.append(default_gate())
    return _DEFAULT[0]


def test_the_project_s_own_confessions_pass() -> None:
    """Less than one in a hundred may be held: a gate that cries wolf is switched off."""
    with resources.files("finetune").joinpath("corpora", "confessions.csv").open(encoding="utf-8") as rows:
        posts = [row["confession"] for row in csv.DictReader(rows)]
    held = [verdict for verdict in _default().judge_many(posts) if verdict.decision is not Decision.ALLOW]
    assert len(held) < 0.01 * len(posts)


def test_the_echo_index_is_taken_from_its_folder(tmp_path: Path) -> None:
    row = "I once told the vicar that the jam was home made and it very much was not."
    EchoIndex.build(
        [row, *(f"Row number {number} is about something else." for number in range(50))], tmp_path / "echo"
    )
    verdict = default_gate(echo=tmp_path / "echo").judge(row)
    assert verdict.decision is Decision.BLOCK
    assert [finding.category for finding in verdict.findings] == ["echo"]


def test_an_echo_index_that_is_not_there_holds_everything(tmp_path: Path) -> None:
    verdict = default_gate(echo=tmp_path / "nowhere").judge("I iron my socks.")
    assert verdict.decision is Decision.HOLD
    assert any(run.filter == "echo" and run.error for run in verdict.runs)
