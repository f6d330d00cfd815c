"""The classifier as it ships: plain cases, harmless posts, hostile texts, damaged weights."""

import csv
import json
import random
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.context import Context
from moderation.errors import FilterUnavailable
from moderation.filters.base import BatchFilter
from moderation.filters.classifier import ClassifierFilter
from moderation.model.classifier import _WORST, CATEGORIES, SHIPPED, Classifier, told
from moderation.model.tokens import LONGEST, pieces, placed, tokens
from moderation.model.weights import Floats
from moderation.normalise import normalise

CONFESSIONS = Path(__file__).parents[2] / "finetune" / "corpora" / "confessions.csv"
HOSTILE = {
    "empty": "",
    "blank": " \n\t ",
    "nul": "\0" * 1000,
    "a megabyte": "you are lovely " * 70_000,
    "one long word": "a" * 100_000,
    "right to left": "\u202eabc\u202c مرحبا بالعالم",
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈" * 300,
    "lone surrogate": "\ud800 hello",
    "combining": "e\u0301" * 500 + "\u0335" * 200,
    "at signs": "@" * 500 + " @a@b@c",
    "quotes": "'’'’ '’a’'",
}


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.open()


def scores(classifier: Classifier, text: str) -> dict[str, float]:
    return dict(zip(CATEGORIES, classifier.scores([normalise(text)])[0].tolist(), strict=True))


PLAIN_CASES = [
    (
        "insult",
        "You are a pathetic idiot and everybody laughs at you.",
        "You are a wonderful friend, everybody says so.",
    ),
    ("hate", "All immigrants are vermin and should be wiped out.", "My neighbours are immigrants and make good soup."),
    ("sexual", "I want to suck your dick all night.", "I want to read your book all night."),
    ("threat", "I will kill you and your family tonight.", "I will kill the lights before the film."),
    ("selfharm", "I want to kill myself tonight.", "This queue is killing me."),
    (
        "spam",
        "Congratulations! You won a free iPhone, click http://win.example now!!!",
        "I won a goldfish at the fair.",
    ),
]


@pytest.mark.parametrize(("category", "harmful", "harmless"), PLAIN_CASES)
def test_plain_cases_are_told_apart(classifier: Classifier, category: str, harmful: str, harmless: str) -> None:
    """Each pair shares words on purpose; how often plain posts are held is counted on the confessions below."""
    assert scores(classifier, harmful)[category] >= 0.6
    assert max(scores(classifier, harmless).values()) < 0.6


@pytest.mark.parametrize(
    "text", ["you are a pathetic 1d10t", "you are a p-a-t-h-e-t-i-c idiot", "YOU ARE A PATHETIC ІDІОТ"]
)
def test_dressed_up_words_are_read_through_the_normaliser(classifier: Classifier, text: str) -> None:
    assert scores(classifier, text)["insult"] >= 0.6


SWEARING = [
    "I told my boss to fuck off in a dream, and then at work.",
    "fuck off",
    "My boss can fuck off.",
    "this fucking printer jammed again",
    "who the fuck parks like that",
    "oh for fuck's sake the bus left without me",
    "shit, I fucked up my taxes",
    "some asshole keyed my bike",
    "you son of a bitch, you actually did it",
    "are you fucking kidding me",
]


@pytest.mark.parametrize("text", SWEARING)
def test_swearing_alone_is_not_called_sexual(classifier: Classifier, text: str) -> None:
    assert scores(classifier, text)["sexual"] < 0.6


def test_harmless_confessions_are_left_alone(classifier: Classifier) -> None:
    with CONFESSIONS.open(newline="", encoding="utf-8") as file:
        posts = [normalise(row["confession"]) for row in csv.DictReader(file)]
    assert (classifier.scores(posts).max(axis=1) >= 0.6).mean() <= 0.01


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_get_scores_between_0_and_1(classifier: Classifier, text: str) -> None:
    began = time.perf_counter()
    found = classifier.scores([normalise(text)])
    assert found.shape == (1, 6)
    assert np.isfinite(found).all()
    assert ((found >= 0) & (found <= 1)).all()
    assert time.perf_counter() - began < 10  # a megabyte, and a busy machine


def test_a_text_without_words_scores_nothing(classifier: Classifier) -> None:
    assert scores(classifier, " … ,, ") == dict.fromkeys(CATEGORIES, 0.0)
    assert classifier.scores([]).shape == (0, 6)


def test_a_text_harmful_in_general_is_told_under_the_nearest_category() -> None:
    #                tox insult hate sexual threat selfharm spam
    raw = np.array([[2.0, -4.0, -1.0, 1.0, -3.0, -3.0, -3.0], [2.0, -1.0, -2.0, 0.0, -3.0, -3.0, 3.0]], np.float32)
    scores = dict(zip(CATEGORIES, told(raw).T.tolist(), strict=True))
    high, hold = 1 / (1 + np.exp(-2.0)), np.log(0.6 / 0.4)
    assert scores["hate"] == pytest.approx([high, 1 / (1 + np.exp(4 + hold))])  # twice as far below the hold
    assert scores["insult"] == pytest.approx([1 / (1 + np.exp(4)), high])
    assert scores["sexual"] == pytest.approx([1 / (1 + np.exp(-1)), 1 / (1 + np.exp(hold))])
    assert scores["spam"][1] == pytest.approx(1 / (1 + np.exp(-3)))


@given(raw=st.lists(st.lists(st.floats(-8, 8, width=32), min_size=7, max_size=7), min_size=1, max_size=8))
def test_telling_keeps_what_is_held_and_never_loses_the_general_head(raw: list[list[float]]) -> None:
    outputs = np.array(raw, np.float32)
    scores = told(outputs.copy())
    own = 1 / (1 + np.exp(-outputs[:, 1:]))
    assert ((scores >= 0.6) | (own < 0.6 + 1e-6)).all()  # what a category held, it holds
    sure = outputs[:, 0] > 0.5
    assert (scores[sure].max(axis=1) >= 1 / (1 + np.exp(-outputs[sure, 0])) - 1e-6).all()


STORY = (
    "My aunt keeps bees behind the shed and on Sundays we drink tea there. Last week a swarm settled in the pear tree, "
    "so she put on the white suit, climbed the ladder with a box, and sang to them. The neighbours came out to look. "
    "Somebody brought cake, somebody brought a folding chair, and the postman stayed for an hour to tell us of his dog."
)


@pytest.mark.parametrize(("category", "harmful"), [case[:2] for case in PLAIN_CASES if case[0] != "selfharm"])
def test_one_bad_sentence_in_a_long_text_counts(
    classifier: Classifier, category: str, harmful: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentences = STORY.split(". ")
    texts = [". ".join([*sentences[:at], harmful.rstrip("."), *sentences[at:]]) for at in range(len(sentences) + 1)]
    found = [scores(classifier, text)[category] for text in texts]
    monkeypatch.setattr("moderation.model.classifier._WORST", np.zeros(7, np.float32))
    whole = [scores(classifier, text)[category] for text in texts]
    raised = [worst - without for worst, without in zip(found, whole, strict=True)]
    assert min(raised) >= 0
    assert sum(each > 0.02 for each in raised) >= 3, raised  # of the places it may stand in


@given(st.lists(st.sampled_from(["you", "idiot", "tea", "kill", "bees", "garden", "!", "women"]), max_size=90))
@settings(max_examples=60, deadline=None)
def test_stretches_only_raise_and_only_what_is_long(words: list[str]) -> None:
    classifier = Classifier.open()
    found = classifier.logits([words, ["tea"], words[::-1]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moderation.model.classifier._WORST", np.zeros(7, np.float32))
        whole = classifier.logits([words, ["tea"], words[::-1]])
    if len(words) <= 24:
        assert np.array_equal(found, whole)
    assert (found >= whole).all()
    assert np.array_equal(found[:, [0, 5]], whole[:, [0, 5]])  # the general head and self-harm look at the whole


@given(lengths=st.lists(st.integers(0, 80), min_size=1, max_size=5), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_the_worst_stretch_is_found_as_by_looking_at_each_in_turn(lengths: list[int], seed: int) -> None:
    classifier, chance = Classifier.open(), random.Random(seed)
    words = ["you", "idiot", "tea", "kill", "bees", "garden", "!", "women", "win", "naked", "myself"]
    for text in (texts := [chance.choices(words, k=length) for length in lengths]):
        rows, hashes = classifier._rows([text])
        found = classifier._found(rows, hashes)
        sums = np.concatenate([found, rows, classifier._pairs(hashes)], axis=1)

        def output(start: int, end: int, sums: Floats = sums, found: Floats = found) -> Floats:
            whole, most = sums[start:end].sum(axis=0), found[start:end].max(axis=0, initial=0)
            [logits] = classifier._outputs(whole[None], most[None], [end - start])
            return np.asarray(logits)

        wanted = output(0, len(text))
        if len(text) > 24:
            each = [output(start, min(start + 24, len(text))) for start in range(0, len(text) - 12, 12)]
            wanted = wanted + _WORST * np.maximum(np.max(each, axis=0) - wanted, 0)
        got = classifier.logits(texts)[texts.index(text)]
        assert np.allclose(got, wanted, atol=1e-3)


@given(st.lists(st.text(max_size=80), max_size=6))
@settings(max_examples=40, deadline=None)
def test_company_changes_no_score(texts: list[str]) -> None:
    classifier = Classifier.open()
    normal = [normalise(text) for text in texts]
    together = classifier.scores(normal)
    for text, row in zip(normal, together, strict=True):
        assert np.allclose(classifier.scores([text])[0], row, atol=1e-4)


@given(st.text(max_size=200))
@settings(max_examples=80, deadline=None)
def test_words_and_their_places_agree(text: str) -> None:
    normal = normalise(text)
    found = placed(normal)
    assert [word for word, _ in found] == tokens(normal)
    assert all(0 <= span.start <= span.end <= len(text) for _, span in found)


def test_only_so_many_words_are_read() -> None:
    assert len(tokens(normalise("word " * 10_000))) == LONGEST


def test_mentions_and_links_count_by_kind() -> None:
    assert tokens(normalise("@anna look https://x.example/abc 0900 123456 ok?!")) == [
        "<user>", "look", "<url>", "<4 digits>", "<6 digits>", "ok", "??",
    ]  # fmt: skip


def test_an_emoji_says_what_its_name_says() -> None:
    assert pieces("🐒") == pieces("monkey")
    assert pieces("🐍") == pieces("snake")
    assert pieces("“") == pieces("🏿") == []  # quotation marks and skin tones have no name worth reading


def test_the_filter_gives_six_findings_and_points_at_a_word() -> None:
    judge = ClassifierFilter.open()
    assert isinstance(judge, BatchFilter)
    text = "Honestly? You are a complete idiot."
    one = judge.judge(normalise(text), Context())
    assert [finding.category for finding in one] == list(CATEGORIES)
    [insult] = [finding for finding in one if finding.category == "insult"]
    assert insult.span is not None
    assert text[insult.span.start : insult.span.end] == "idiot"
    many = judge.judge_many([normalise("hello"), normalise(text)], Context())
    assert [round(finding.score or 0, 3) for finding in many[1]] == [round(finding.score or 0, 3) for finding in one]


def test_many_threads_may_ask_at_once(classifier: Classifier) -> None:
    fresh = Classifier.open()
    texts = [normalise(f"you are a {word} idiot {number}") for number in range(60) for word in ("big", "small", "blue")]
    wanted = classifier.scores(texts)
    wrong: list[int] = []

    def ask() -> None:
        for place, text in enumerate(texts):
            if not np.allclose(fresh.scores([text])[0], wanted[place], atol=1e-4):
                wrong.append(place)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("damage", ["missing", "cut", "not a zip"])
def test_damaged_weights_are_refused_in_one_sentence(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "classifier.npz"
    if damage == "cut":
        path.write_bytes(SHIPPED.read_bytes()[:100_000])
    elif damage == "not a zip":
        path.write_bytes(b"weights")
    with pytest.raises(FilterUnavailable, match="install again"):
        Classifier.open(path)


def test_the_card_ships_with_the_weights_and_fits_them() -> None:
    card = json.loads((SHIPPED.parent / "card.json").read_text("utf-8"))
    assert card["version"] == Classifier.open().version
    assert SHIPPED.stat().st_size < 4_000_000
    page = (SHIPPED.parent / "README.md").read_text("utf-8")
    assert "What it cannot do" in page
    for source in card["sources"].values():
        assert source["licence"] in page
