"""The measures of samples, on texts where the answer is known, and within their bounds on any."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune import measures
from finetune.checks import Check, best, past_best, preference
from finetune.topics import keywords, topic_for

TEXTS = st.lists(st.text("ab c", max_size=30), max_size=12)


@given(TEXTS, TEXTS)
def test_every_measure_stays_between_0_and_1(samples: list[str], rows: list[str]) -> None:
    shares = [measures.distinct(samples, n) for n in (1, 2, 3)]
    shares += [measures.self_bleu(samples), measures.length_gap(samples, rows), *measures.histogram(samples)]
    assert all(0 <= share <= 1 + 1e-9 for share in shares)


def test_the_same_sentence_again_and_again_has_no_variety() -> None:
    same = ["the cat sat on the mat again"] * 10
    other = [f"{i} {i + 1} {i + 2} {i + 3} {i + 4}" for i in range(0, 100, 10)]
    assert measures.self_bleu(same) == pytest.approx(1) and measures.distinct(same, 1) == 6 / 70
    assert measures.self_bleu(other) == 0 and measures.distinct(other, 2) == 1


def test_length_gap_is_nothing_for_the_same_lengths_and_one_for_disjoint_ones() -> None:
    assert measures.length_gap(["a b", "a b c"], ["x y", "x y z"]) == 0
    assert measures.length_gap(["a"] * 5, ["a b c"] * 5) == 1
    assert measures.length_gap(["a", "a b c"], ["a", "a"]) == 0.5


@given(st.text(max_size=200), st.floats(0, 1), st.integers(0, 5))
def test_a_topic_is_a_word_of_the_post(post: str, share: float, seed: int) -> None:
    topic = topic_for(post, share=share, seed=seed)
    assert topic is None or topic in keywords(post)
    assert topic == topic_for(post, share=share, seed=seed)


def test_a_topic_the_corpus_names_is_used_where_it_is_short() -> None:
    assert topic_for("My train was late", share=1, seed=1, given=" steam engines ") == "steam engines"
    assert topic_for("My train was late", share=1, seed=1, given="x\ny") in {"train", "late"}


def _check(step: int, loss: float, copied: float = 0.0) -> Check:
    return Check(step, step, loss, loss, loss, 0.0, copied, 1.0, (1.0, 1.0, 1.0), 0.0, 0.0)


def test_the_rule_takes_the_lowest_loss_that_does_not_copy() -> None:
    checks = [_check(1, 4.0), _check(2, 3.5), _check(3, 3.0, copied=0.2)]
    assert best(checks, max_copy=0.05).step == 2
    assert best(checks, max_copy=0.5).step == 3


def test_where_all_copy_the_rule_takes_the_one_that_copies_least() -> None:
    checks = [_check(1, 4.0, 0.3), _check(2, 3.5, 0.1), _check(3, 3.0, 0.2)]
    assert best(checks, max_copy=0.05).step == 2


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 1)), min_size=1, max_size=20), st.floats(0, 1))
def test_what_is_kept_is_never_worse_than_another(pairs: list[tuple[float, float]], limit: float) -> None:
    checks = [_check(i, loss, copied) for i, (loss, copied) in enumerate(pairs)]
    kept = best(checks, limit)
    assert all(preference(kept, limit) <= preference(check, limit) for check in checks)
    assert kept.copied <= limit or all(check.copied > limit for check in checks)


def test_the_run_stops_when_the_loss_has_not_fallen_for_long_enough() -> None:
    falling = [_check(i, 5 - i / 10) for i in range(5)]
    assert not past_best(falling, patience=2)
    assert not past_best([*falling, _check(6, 9)], patience=2)
    assert past_best([*falling, _check(6, 9), _check(7, 9)], patience=2)
