"""The one prompt format: the same words at training and at generation time, whatever a person types."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.errors import AdapterBroken
from generation.prompt import PromptFormat, names_topic

MARK = "<|endoftext|>"


def test_the_header_is_there_only_with_a_topic() -> None:
    prompt = PromptFormat()
    assert prompt.head() == MARK
    assert prompt.head("") == prompt.head("  ") == MARK
    assert prompt.head("trains") == f"{MARK}about: trains\n"
    assert prompt.training_text("I did it.", "trains") == f"{MARK}about: trains\nI did it.{MARK}"


def test_a_topic_is_one_line_in_lower_case() -> None:
    assert PromptFormat().head(" Night\n Trains ") == f"{MARK}about: night trains\n"


@given(st.lists(st.sampled_from([MARK, "<|end", "oftext|>", "a", " "]), max_size=12).map("".join))
def test_no_words_can_carry_a_mark(words: str) -> None:
    assert MARK not in PromptFormat().clean(words)


def test_it_travels_with_the_adapter(tmp_path: Path) -> None:
    prompt = PromptFormat(begin="<s>", end="</s>", topic="[{topic}] ")
    prompt.save(tmp_path)
    assert PromptFormat.load(tmp_path) == prompt


@pytest.mark.parametrize("text", ["", "[]", '{"start": "x"}'])
def test_a_damaged_file_is_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "prompt.json").write_text(text)
    with pytest.raises(AdapterBroken, match=r"no usable prompt\.json"):
        PromptFormat.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "topic", "yes"),
    [
        ("The train was late.", "trains", True),
        ("I missed my Trains!", "train", True),
        ("It rained on the cake.", "train", False),
        ("We were dancing", "dance", True),
        ("My cat sleeps", "cat", True),
        ("I threw it away", "thing", False),
        ("I took the night bus", "Night trains", False),  # the longest word is what it is about
        ("I took the trains", "Night trains", True),
        ("Nothing at all", " !", False),
    ],
)
def test_a_topic_is_named_when_the_stem_of_its_longest_word_is_there(text: str, topic: str, yes: bool) -> None:
    assert names_topic(text, topic) is yes


@given(st.text(max_size=80), st.text(max_size=40))
def test_any_text_and_topic_have_an_answer(text: str, topic: str) -> None:
    assert names_topic(text, topic) in (True, False)
    assert not names_topic("", topic)
