"""What makes one text better than another, one measure at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rank import Candidate, DefaultRanker, distinct_pairs, likeness, overlap
from generation.generator import Generated
from moderation.verdict import Decision, Finding, Verdict

ALLOW = Verdict(Decision.ALLOW)


def candidate(
    text: str = "a plain small confession of mine",
    *,
    logprob: float = -20.0,
    tokens: int = 10,
    verdict: Verdict = ALLOW,
    seed: int = 0,
) -> Candidate:
    return Candidate(Generated(text, seed, tokens, True, logprob), verdict)


def best(*candidates: Candidate, said: tuple[str, ...] = ()) -> Candidate:
    return DefaultRanker().rank(candidates, said)[0]


def test_likelier_by_the_token_not_by_the_text() -> None:
    short, long = candidate(logprob=-20, tokens=5), candidate(logprob=-30, tokens=30)
    assert best(short, long) is long


def test_a_text_that_repeats_itself_loses() -> None:
    loop = candidate("I like it I like it I like it I like it", logprob=-18)
    assert best(loop, candidate()).generated.text == "a plain small confession of mine"


def test_a_text_from_the_corpus_loses() -> None:
    echo = Finding("echo", "echo", Decision.ALLOW, "It repeats a training row", score=0.8)
    copied = candidate("a copied small confession of mine", logprob=-15, verdict=Verdict(Decision.ALLOW, (echo,)))
    assert overlap(copied.verdict) == 0.8
    assert best(copied, candidate()).verdict is ALLOW


def test_a_text_like_an_earlier_post_loses() -> None:
    said = ("I ate the last slice of cake and blamed the dog.",)
    again = candidate("I ate the last slice of pie and blamed the dog.", logprob=-15)
    assert best(again, candidate(), said=said) is not again
    assert best(again, candidate()) is again


CANDIDATES = [candidate(f"text {n % 4}", logprob=-float(n % 3), seed=n) for n in range(8)]


@given(st.permutations(CANDIDATES), st.lists(st.text(max_size=30), max_size=3))
def test_the_order_of_the_input_does_not_matter(shuffled: list[Candidate], said: list[str]) -> None:
    assert DefaultRanker().rank(shuffled, said) == DefaultRanker().rank(CANDIDATES, said)


@given(st.text(), st.lists(st.text(), max_size=4))
def test_measures_stay_between_0_and_1(text: str, said: list[str]) -> None:
    assert 0 < distinct_pairs(text) <= 1
    assert 0 <= likeness(text, said) <= 1


@pytest.mark.parametrize(("text", "share"), [("", 1), ("one", 1), ("a b a b", 2 / 3), ("A b a B", 2 / 3)])
def test_distinct_pairs(text: str, share: float) -> None:
    assert distinct_pairs(text) == pytest.approx(share)
