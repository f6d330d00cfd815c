"""Tuning: thresholds within a budget, promises about moderators, the record judged again, and the file written."""

import random
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.backtest import backtest
from moderation.calibrate import FLOOR, by_budget, by_reviewers, risk
from moderation.context import Context
from moderation.errors import CalibrationError, PolicyError
from moderation.gate import Gate
from moderation.policy import CLASSIFIED, Policy, Rule
from moderation.policy_file import set_rules
from moderation.record import Case, tally
from moderation.verdict import Decision, Finding, Verdict
from tests.moderation.scripted import Scripted, crash, found


def _reads_scores(text: str) -> list[Finding]:
    """A filter whose scores are written in the text: "0.12 0.7" is insult .12 and hate .7."""
    scores = dict(zip(CLASSIFIED, map(float, text.split()), strict=False))
    return [Finding("scores", name, Decision.HOLD, f"{name}.", None, score) for name, score in scores.items()]


def _scoring_gate(policy: Policy | None = None) -> Gate:
    return Gate([Scripted("scores", _reads_scores)], policy or Policy())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(100, 200), st.sampled_from([0.005, 0.02, 0.1, 0.5]))
def test_a_budget_is_kept_on_the_texts_it_was_set_on(seed: int, size: int, budget: float) -> None:
    chance = random.Random(seed)
    shape = chance.choice([0.3, 1, 5])
    texts = [" ".join(f"{0.99 * chance.random() ** shape:.2f}" for _ in CLASSIFIED) for _ in range(size)]
    found = by_budget(_scoring_gate(), texts, budget=budget)
    verdicts = _scoring_gate(Policy(rules=found.rules)).judge_many(texts)
    held = sum(verdict.decision is not Decision.ALLOW for verdict in verdicts)
    assert held <= budget * len(texts)
    assert found.reached == held / len(texts)


def test_the_budget_is_used_up_where_the_scores_allow_it() -> None:
    chance = random.Random(1)
    texts = [" ".join(str(round(chance.random(), 4)) for _ in CLASSIFIED) for _ in range(2000)]
    found = by_budget(_scoring_gate(), texts, budget=0.1)
    assert 0.09 <= found.reached <= 0.1
    assert [point.held for point in found.curve] == sorted((point.held for point in found.curve), reverse=True)


def test_a_threshold_does_not_go_where_a_score_means_nothing() -> None:
    texts = ["0.001 0.001 0.001 0.001 0.001 0.001"] * 200
    found = by_budget(_scoring_gate(), texts, budget=0.5)
    assert {rule.hold for rule in found.rules.values()} == {FLOOR}
    assert any("means nothing" in remark for remark in found.remarks)


def test_what_other_filters_hold_counts_against_the_budget() -> None:
    swears = Scripted("words", lambda text: found("swearing")(text) if text.startswith("0.77") else [])
    gate = Gate([Scripted("scores", _reads_scores), swears], Policy())
    texts = ["0.77"] * 3 + [f"0.{number:03d}" for number in range(197)]
    result = by_budget(gate, texts, budget=0.05)
    assert result.reached <= 0.05
    assert "3 of 200 texts" in result.remarks[0]
    with pytest.raises(CalibrationError, match=r"hold 1\.5% of these texts already"):
        by_budget(gate, texts, budget=0.01)


def test_texts_that_no_threshold_lets_through_are_told() -> None:
    with pytest.raises(CalibrationError, match="3 of these texts score so high"):
        by_budget(_scoring_gate(), ["1.0"] * 3 + ["0.1"] * 197, budget=0.01)


def test_too_few_texts_are_refused() -> None:
    with pytest.raises(CalibrationError, match="at least 100"):
        by_budget(_scoring_gate(), ["0.1"] * 99, budget=0.02)


def _case(score: float, approved: bool | None, *findings: Finding) -> Case:
    verdict = Verdict(Decision.HOLD, findings, (), {"insult": score}, "p")
    return Case(f"{score}", verdict, Context(), approved)


def test_the_promise_holds_for_decisions_to_come() -> None:
    """Of a thousand calibrations on fresh decisions, the average share let through is at most the one asked for."""
    chance = random.Random(7)
    shares = []
    for _ in range(200):
        cases = [_case(chance.random() ** 2, True) for _ in range(60)]
        cases += [_case(chance.random() ** 0.5, False) for _ in range(60)]
        result = by_reviewers(cases, Policy(), miss=0.1)
        hold = result.rules["insult"].hold
        assert hold is not None
        fresh = [chance.random() ** 0.5 for _ in range(400)]
        shares.append(sum(score < hold for score in fresh) / len(fresh))
    assert sum(shares) / len(shares) <= 0.1 + 0.01


def test_few_rejections_promise_what_they_can_and_say_so() -> None:
    cases = [_case(0.1, True)] * 50 + [_case(0.5 + number / 100, False) for number in range(20)]
    result = by_reviewers(cases, Policy(), miss=0.01)
    assert any("1 in 21" in remark for remark in result.remarks)
    assert result.rules["insult"].hold == pytest.approx(0.5)


def test_the_curve_trades_what_is_let_through_for_what_is_held() -> None:
    chance = random.Random(3)
    cases = [_case(chance.random() ** 2, True) for _ in range(100)]
    cases += [_case(chance.random() ** 0.5, False) for _ in range(100)]
    curve = by_reviewers(cases, Policy(), miss=0.05).curve
    missed = [point.missed for point in curve if point.missed is not None]
    assert missed == sorted(missed)
    assert [point.held for point in curve] == sorted((point.held for point in curve), reverse=True)


def test_what_another_filter_stops_needs_no_threshold() -> None:
    slur = Finding("wordlist", "slur", Decision.BLOCK, "It does.")
    assert risk(_case(0.0, False, slur), Policy()) == float("inf")
    result = by_reviewers([_case(0.0, False, slur)] * 20 + [_case(0.2, True)] * 40, Policy(), miss=0.01)
    assert any("Other filters" in remark for remark in result.remarks)


@pytest.mark.parametrize(("approved", "rejected"), [(49, 0), (45, 9), (0, 0)])
def test_too_few_decisions_are_refused(approved: int, rejected: int) -> None:
    cases = [_case(0.1, True)] * approved + [_case(0.9, False)] * rejected + [_case(0.5, None)] * 100
    with pytest.raises(CalibrationError, match="decisions of reviewers"):
        by_reviewers(cases, Policy(), miss=0.01)


def test_the_record_is_judged_again_and_changes_are_told_with_their_texts() -> None:
    before, after = _scoring_gate(), _scoring_gate(Policy(rules={"insult": Rule(hold=0.2, block=0.5)}))
    cases = [_case(0.1, None), _case(0.3, True), _case(0.7, False), _case(0.99, None)]
    told: list[int] = []
    result = backtest(cases, before, after, progress=told.append)
    assert result.total == 4 == told[-1]
    allow, hold, block = Decision.ALLOW, Decision.HOLD, Decision.BLOCK
    assert dict(result.moves) == {(allow, allow): 1, (allow, hold): 1, (hold, block): 1, (block, block): 1}
    assert [change.case.text for change in result.between(allow, hold)] == ["0.3"]
    assert [change.case.approved for change in result.changes] == [True, False]


def test_a_backtest_judges_each_text_in_its_own_place() -> None:
    policy = Policy.model_validate({"platforms": {"discord": {"rules": {"insult": "block"}}}})
    cases = [Case("0.7", Verdict(Decision.ALLOW), Context(platform)) for platform in ("console", "discord", "console")]
    result = backtest(cases, _scoring_gate(), _scoring_gate(policy))
    assert [change.case.context.platform for change in result.changes] == ["discord"]


def test_each_filter_s_record_is_counted() -> None:
    gate = Gate([Scripted("finder", found("swearing")), Scripted("bad", crash)], Policy())
    cases = [
        Case(text, gate.judge(text), Context(), approved)
        for text, approved in [("crash", None), ("fine", True), ("fine", False)]
    ]
    stats = tally(cases)
    assert (stats["finder"].ran, stats["finder"].fired, stats["finder"].alone) == (3, 3, 2)
    assert (stats["finder"].overruled, stats["finder"].confirmed) == (1, 1)
    assert stats["finder"].categories == {"swearing": 3}
    assert (stats["bad"].failed, stats["bad"].fired) == (1, 1)
    assert stats["finder"].percentile(0.5) >= 0


_RULES = {"insult": Rule(hold=0.31, block=0.92), "hate": Rule(hold=0.2, block=0.9)}


@pytest.mark.parametrize(
    "before",
    [
        "",
        "# mine\n[discord]\nchannel_id = 5\n",
        '[policy]\nname = "m"\n\n[policy.rules]\n# keep this\nslur = "block"\ninsult = "hold" # old\n[web]\nport = 1\n',
        '[policy.rules]\n"insult" = { hold = 0.1 }\n[policy.platforms.x]\nalways_review = false\n',
    ],
    ids=["empty", "no policy", "rules", "quoted"],
)
def test_rules_are_written_among_what_is_there(tmp_path: Path, before: str) -> None:
    path = tmp_path / "confess.toml"
    path.write_text(before)
    set_rules(path, _RULES, note="Calibrated 2026-01-02 by ann on 1518 texts.")
    after, old = tomllib.loads(path.read_text()), tomllib.loads(before)
    assert after["policy"]["rules"]["insult"] == {"hold": 0.31, "block": 0.92}
    assert after["policy"]["rules"].get("slur") == old.get("policy", {}).get("rules", {}).get("slur")
    assert {name: value for name, value in after.items() if name != "policy"} == {
        name: value for name, value in old.items() if name != "policy"
    }
    for comment in ("# mine", "# keep this"):
        assert (comment in before) is (comment in path.read_text())
    assert "# Calibrated 2026-01-02 by ann" in path.read_text()
    assert Policy.read(path).decide("hate", 0.25, Context())[0] is Decision.HOLD


def test_writing_twice_leaves_one_of_each(tmp_path: Path) -> None:
    path = tmp_path / "confess.toml"
    set_rules(path, _RULES, note="Calibrated 2026-01-02 by ann.")
    once = path.read_text()
    set_rules(path, _RULES, note="Calibrated 2026-01-02 by ann.")
    assert path.read_text() == once


@pytest.mark.parametrize(
    "before", ["policy = { rules = { insult = 'hold' } }\n", "[policy]\nrules.insult = 'hold'\n", "not toml"]
)
def test_a_file_that_cannot_be_edited_is_left_alone_and_says_what_to_do(tmp_path: Path, before: str) -> None:
    path = tmp_path / "confess.toml"
    path.write_text(before)
    with pytest.raises(PolicyError, match=r"put this in yourself|cannot be read"):
        set_rules(path, _RULES, note="Calibrated.")
    assert path.read_text() == before
    assert [file.name for file in tmp_path.iterdir()] == ["confess.toml"]
