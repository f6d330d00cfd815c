"""Disguise does not help: under each attack nearly all of what is caught in plain writing is still caught."""

import csv
import random
from functools import cache
from importlib import resources

import pytest

from moderation.context import Context
from moderation.filters.wordlist import WordlistFilter
from moderation.gate import Gate, default_gate
from moderation.normalise import normalise
from moderation.training.probe import probes
from moderation.verdict import Decision
from moderation.words import built_in
from tests.moderation.attacks import ATTACKS

_LENIENT = {"leet": 0.8, "starred": 0.8}  # what letters they hide is a guess for people, too
_FRAMES = ("{}", "you are a {} and everybody knows it", "what a {}", "my neighbour said {} to the vicar")


@cache
def _filter() -> WordlistFilter:
    return WordlistFilter.load()


@cache
def _words() -> tuple[str, ...]:
    """Listed single words of four letters or more."""
    words = {entry.word for entry in built_in() if entry.tier != "allow"}
    return tuple(sorted(word for word in words if word.isascii() and word.isalpha() and len(word) >= 4))


def _is_caught(text: str) -> bool:
    """By the word list alone: shape would hold many of these for their characters, and flatter the number."""
    return bool(_filter().judge(normalise(text), Context()))


def _recall(name: str | None, *, whole: bool) -> float:
    """The share caught of every word in every frame, the word or the whole text attacked."""
    chance = random.Random(f"{name} {whole}")
    texts = []
    for word in _words():
        for frame in _FRAMES:
            attack = ATTACKS[name] if name else None
            if attack is None:
                texts.append(frame.format(word))
            elif whole:
                texts.append(attack(frame.format(word), chance))
            else:
                texts.append(frame.format(attack(word, chance)))
    return sum(map(_is_caught, texts)) / len(texts)


def test_plain_writing_is_caught() -> None:
    assert _recall(None, whole=False) == 1.0


@pytest.mark.parametrize("whole", [False, True], ids=["word", "text"])
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_hides_little(name: str, whole: bool) -> None:
    assert _recall(name, whole=whole) >= _LENIENT.get(name, 0.9)


@pytest.mark.parametrize("seam", [" ", "\n", "-", "."])
def test_listed_words_split_in_two_are_caught(seam: str) -> None:
    split = [
        frame.format(f"{word[:place]}{seam}{word[place:]}")
        for word in _words()
        for frame in _FRAMES
        for place in range(2, len(word) - 1)
    ]
    assert sum(map(_is_caught, split)) >= 0.95 * len(split)


@pytest.mark.parametrize("text", ["ass hole", "you dumb ass", "fu\nck off", "shi tty weather", "a bi-tch"])
def test_a_split_word_is_shown_as_it_was_typed(text: str) -> None:
    [found] = _filter().judge(normalise(text), Context())
    assert found.span is not None
    shown = text[found.span.start : found.span.end]
    assert any(seam in shown for seam in " \n-")


@pytest.mark.parametrize(
    "text",
    [
        "my pen is dry",
        "it's hit the wall",
        "he fell on a log",
        "a towel, head first",
        "my bull dyked up",
        "an us, a them",
    ],
)
def test_two_words_stay_two_words(text: str) -> None:
    assert not _is_caught(text)


@cache
def _sentences() -> tuple[str, ...]:
    """Harmful sentences that the whole gate, shape apart, catches in plain writing. Most hold no listed word."""
    written = probes("sentences").values()
    return tuple(text.lower() for head in written for text in head["yes"] if _is_stopped(text.lower()))


@cache
def _gate() -> Gate:
    """Without shape, which would hold many of these for their characters, and flatter the number."""
    whole = default_gate()
    return Gate([each for each in whole.filters if each.name != "shape"], whole.policy)


def _is_stopped(text: str) -> bool:
    return _gate().judge(text).decision is not Decision.ALLOW


@pytest.mark.parametrize("name", ATTACKS)
def test_whole_sentences_are_still_stopped_in_disguise(name: str) -> None:
    chance = random.Random(name)
    attacked = [ATTACKS[name](text, chance) for text in _sentences()]
    assert len(attacked) >= 30
    assert sum(map(_is_stopped, attacked)) >= _LENIENT.get(name, 0.9) * len(attacked)


@cache
def _plain_posts() -> tuple[str, ...]:
    with resources.files("finetune").joinpath("corpora", "confessions.csv").open(encoding="utf-8") as rows:
        return tuple(row["confession"] for row in csv.DictReader(rows))


def test_plain_posts_raise_no_alarm() -> None:
    assert not [post for post in _plain_posts() if _is_caught(post)]


@pytest.mark.parametrize("name", ATTACKS)
def test_plain_posts_raise_no_more_alarms_in_disguise(name: str) -> None:
    chance = random.Random(name)
    attacked = [ATTACKS[name](post.lower(), chance) for post in _plain_posts()[::10]]
    caught = sum(map(_is_caught, attacked))
    # With a letter of every word starred out, "shut" is "sh*t", for people as well.
    assert caught <= (0.05 if name == "starred" else 0.01) * len(attacked)
