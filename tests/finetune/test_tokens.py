"""Posts to packed rows: whole, apart from each other, and with an end that is learned."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from finetune.base import load_model, resolve_base
from finetune.tokens import IGNORED, Example, collate, pack, pad_id
from tests.finetune.making import examples_of

CAPACITY = 64


@given(st.lists(st.integers(1, CAPACITY), max_size=200), st.integers(0, 3))
def test_packing_keeps_every_post_once_and_no_row_overflows(lengths: list[int], seed: int) -> None:
    rows = pack(lengths, CAPACITY, seed=seed)
    assert sorted(i for row in rows for i in row) == list(range(len(lengths)))
    assert all(0 < sum(lengths[i] for i in row) <= CAPACITY for row in rows)


@given(st.lists(st.integers(1, CAPACITY), min_size=2, max_size=200))
def test_no_two_rows_could_have_been_one(lengths: list[int]) -> None:
    """The property of best fit: a new row is opened only for a post that fits no other."""
    fills = sorted(sum(lengths[i] for i in row) for row in pack(lengths, CAPACITY, seed=0))
    assert len(fills) == 1 or fills[0] + fills[1] > CAPACITY


def test_the_same_seed_packs_the_same_rows_and_another_does_not() -> None:
    lengths = [5 + i % 40 for i in range(100)]
    assert pack(lengths, CAPACITY, seed=1) == pack(lengths, CAPACITY, seed=1) != pack(lengths, CAPACITY, seed=2)


def test_the_end_is_learned_and_the_filler_is_not_the_end(tokenizer: Any, posts: list[str]) -> None:
    """On a real batch: each post's last label is the end token; pad is another token and carries no label."""
    end, pad = tokenizer.eos_token_id, pad_id(tokenizer)
    assert pad != end
    examples = examples_of(posts[:12], tokenizer, topics=0.5)
    rows = pack([example.length for example in examples], 128, seed=1)
    batch = collate([[examples[i] for i in row] for row in rows], 128, pad)
    assert int((batch.labels == end).sum()) == 12
    for r, row in enumerate(rows):
        at = 0
        for example in (examples[i] for i in row):
            last = at + example.length - 1
            assert batch.input_ids[r, last] == end
            assert batch.labels[r, last - 1] == end
            assert batch.labels[r, last] == IGNORED  # nothing of the next post is foretold from this one
            at += example.length
        assert (batch.input_ids[r, at:] == pad).all()
        assert (batch.labels[r, at:] == IGNORED).all()
    assert batch.real == sum(example.length for example in examples)


def test_headers_carry_no_loss_and_depend_on_seed_and_text_only(tokenizer: Any, posts: list[str]) -> None:
    with_topics = examples_of(posts[:50], tokenizer, topics=1.0)
    without = examples_of(posts[:50], tokenizer, topics=0.0)
    assert all(example.head == 1 for example in without)
    assert sum(example.head > 1 for example in with_topics) >= 48  # a post may have no content word
    for headed, plain in zip(with_topics, without, strict=True):
        assert headed.ids[headed.head :] == plain.ids[1:]
    again = examples_of(posts[:50][::-1], tokenizer, topics=1.0)[::-1]
    assert again == with_topics
    half = sum(example.head > 1 for example in examples_of(posts, tokenizer, topics=0.5)) / len(posts)
    assert 0.4 < half < 0.6


def test_an_end_mark_inside_a_post_cannot_end_it(tokenizer: Any) -> None:
    (example,) = examples_of(["before <|endoftext|> after"], tokenizer)
    assert example.ids.count(tokenizer.eos_token_id) == 2  # begin and end


@pytest.mark.parametrize("base", ["tiny_gpt2", "tiny_llama"])
def test_packed_posts_do_not_see_each_other(base: str, request: pytest.FixtureRequest, tokenizer: Any) -> None:
    """The loss of each post in a packed row is the loss it has alone."""
    folder: Path = request.getfixturevalue(base)
    model = load_model(resolve_base(str(folder)))
    texts = ["I told the moon about my knees.", "Nobody asked, so I sang.", "The kettle knows everything I did."]
    examples = examples_of(texts, tokenizer)
    together = _losses(model, [examples], tokenizer)
    apart = torch.cat([_losses(model, [[example]], tokenizer) for example in examples])
    assert len(together) == sum(example.length - 1 for example in examples)
    assert torch.allclose(together, apart, atol=1e-5)


def _losses(model: Any, rows: list[list[Example]], tokenizer: Any) -> torch.Tensor:
    batch = collate(rows, 96, pad_id(tokenizer))
    with torch.no_grad():
        logits = model(input_ids=batch.input_ids, position_ids=batch.position_ids, use_cache=False).logits
    losses = cross_entropy(logits.flatten(0, 1), batch.labels.flatten(), ignore_index=IGNORED, reduction="none")
    return losses[batch.labels.flatten() != IGNORED]
