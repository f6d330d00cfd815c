"""What must never pass unseen: children and sex in one text, and self-harm; and the figures of speech that may."""

import random

import pytest

from moderation.context import Context
from moderation.filters.minors import MinorsFilter
from moderation.filters.selfharm import SelfHarmFilter
from moderation.gate import default_gate
from moderation.normalise import normalise
from moderation.verdict import Decision
from tests.moderation.attacks import ATTACKS


def _minors(text: str) -> list[str]:
    return [finding.category for finding in MinorsFilter().judge(normalise(text), Context())]


@pytest.mark.parametrize(
    "text",
    [
        "the 12 year old was so sexy",
        "a 15-year-old and porn",
        "sex with children",
        "she is 14 and horny",
        "underage nudes",
        "schoolgirl masturbating",
        "erotic story about a little boy",
        "a 9yo and his erection",
        "s e x with ch1ldren",
    ],
)
def test_children_and_sex_close_together(text: str) -> None:
    assert _minors(text) == ["minors"]


def test_far_apart_or_doubtful_they_are_told_as_such() -> None:
    far = (
        "The kids were at school, and for hours nothing at all happened in the house, except for the dishes, then porn."
    )
    assert _minors(far) == ["minors-distant"]
    assert _minors("my daughter writes erotic novels") == ["minors-distant"]


@pytest.mark.parametrize(
    "text",
    [
        "My son is 14 and taller than me.",
        "The children sexed the chicks at the farm.",
        "The sex of the baby is a surprise.",
        "I was 12 miles from home and my pupils were tiny.",
        "It was 9 minutes of pure kids' television.",
        "We had sex education in a portakabin at 45.",
    ],
)
def test_one_without_the_other_passes(text: str) -> None:
    assert _minors(text) == []


@pytest.mark.parametrize("context", [Context(), Context("discord", nsfw=True), Context("x"), Context(role="prompt")])
def test_the_gate_blocks_children_and_sex_everywhere(context: Context) -> None:
    assert default_gate().judge("the 12 year old was so sexy", context).decision is Decision.BLOCK


def _selfharm(text: str) -> bool:
    return bool(SelfHarmFilter().judge(normalise(text), Context()))


@pytest.mark.parametrize(
    "text",
    [
        "I want to kill myself",
        "kill yourself",
        "kys",
        "I have been cutting myself again",
        "he took his own life",
        "I don't want to live anymore",
        "they would be better off without me",
        "I wish I was dead",
        "there is no reason to live",
        "I am suicidal",
        "I slit my wrists",
        "go and die",
        "I overdosed last year",
        "k i l l yourself",
        "I want to k1ll mys3lf",
    ],
)
def test_self_harm_is_found(text: str) -> None:
    assert _selfharm(text)


@pytest.mark.parametrize(
    "text",
    [
        "I wanted to die of shame",
        "I could have died laughing",
        "Cut myself some slack, and a slice of cake",
        "That hill will kill me",
        "I killed the lights",
        "I cut myself off mid-sentence",
        "He took his life savings to Margate",
        "I was born in Hull and my phone is dead",
    ],
)
def test_figures_of_speech_pass(text: str) -> None:
    assert not _selfharm(text)


@pytest.mark.parametrize("context", [Context(), Context("discord", nsfw=True), Context("x")])
def test_the_gate_never_allows_self_harm(context: Context) -> None:
    assert default_gate().judge("I want to kill myself", context).decision is not Decision.ALLOW


@pytest.mark.parametrize("name", sorted(set(ATTACKS) - {"starred"}))
def test_disguise_does_not_hide_it(name: str) -> None:
    chance = random.Random(name)
    texts = ["i want to kill myself", "sex with children", "porn of a schoolgirl", "better off without me"]
    attacked = [ATTACKS[name](text, chance) for text in texts]
    gate = default_gate()
    missed = [text for text in attacked if gate.judge(text).decision is Decision.ALLOW]
    assert len(missed) <= (1 if name == "leet" else 0)  # 53x: two digits and one letter are a number more often
