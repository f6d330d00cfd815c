"""Posts to tokens, and tokens to packed rows: whole posts side by side, each blind to its neighbours.

A row holds posts whose tokens sum to at most its length. ``position_ids`` restart at each post; with no attention mask
and no cache, transformers reads that as "attention stays inside each post" (tests/finetune/test_tokens.py compares it
with separate passes). The begin token of a post and its topic header carry no loss; the end token does: it is learned.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from finetune.corpus.row import Row
from finetune.topics import topic_for
from generation.prompt import PromptFormat

IGNORED = -100  # the label that cross-entropy skips
WINDOW = 4096  # posts packed together; bounds the memory and keeps the order random


@dataclass(frozen=True, slots=True)
class Example:
    """One post in tokens: begin, perhaps a header, the post, end."""

    ids: list[int]
    head: int  # tokens at the front that carry no loss

    @property
    def length(self) -> int:
        """Tokens in all."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some packed rows; every tensor is int64 of shape (rows, row_tokens)."""

    input_ids: Tensor
    position_ids: Tensor
    labels: Tensor  # already shifted: labels[t] is the token that follows input_ids[t], or IGNORED
    real: int  # tokens that belong to posts

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        return Batch(self.input_ids.to(device), self.position_ids.to(device), self.labels.to(device), self.real)


def prompt_for(tokenizer: Any) -> PromptFormat:
    """The prompt format in this tokenizer's own begin and end tokens."""
    return PromptFormat(begin=tokenizer.bos_token or tokenizer.eos_token, end=tokenizer.eos_token)


def pad_id(tokenizer: Any) -> int:
    """A token to fill rows with: any but the end, since filler is never looked at and the end must be learned."""
    for candidate in (tokenizer.pad_token_id, tokenizer.unk_token_id):
        if candidate is not None and candidate != tokenizer.eos_token_id:
            return int(candidate)
    return int(tokenizer.eos_token_id) + 1 if tokenizer.eos_token_id == 0 else int(tokenizer.eos_token_id) - 1


def encode(
    rows: Iterable[Row], tokenizer: Any, prompt: PromptFormat, *, topics: float, seed: int
) -> Iterator[tuple[Example, int]]:
    """Tokens of each row, and the bytes of its text.

    Args:
        rows: cleaned ones; one that brings its own topic keeps it.
        tokenizer: the base's.
        prompt: what stands before and after a post.
        topics: share of posts that get a header with one of their words; which ones depends on ``seed`` and the text.
        seed: of that choice.
    """
    end = tokenizer.eos_token_id
    for chunk in _chunks(rows, 1024):
        posts = [row.text for row in chunk]
        found = [topic_for(row.text, share=topics, seed=seed, given=row.topic) for row in chunk]
        heads = tokenizer([prompt.head(topic) for topic in found], add_special_tokens=False)["input_ids"]
        for head, ids, post in zip(heads, tokenizer(posts, add_special_tokens=False)["input_ids"], posts, strict=True):
            # A post cannot end itself: an end mark inside its text is dropped.
            example = Example([*head, *(token for token in ids if token != end), end], len(head))
            yield example, len(post.encode("utf-8", "replace"))


def _chunks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, size)):
        yield chunk


def pack(lengths: Sequence[int] | NDArray[np.uint32], capacity: int, *, seed: int) -> list[list[int]]:
    """Which examples share a row: best fit, longest first, inside windows of a random order.

    Args:
        lengths: tokens of each example; one longer than ``capacity`` is an error of the caller.
        capacity: tokens of a row.
        seed: of the order; the same seed gives the same rows.

    Returns:
        Indices of the examples of each row, rows in random order.
    """
    sizes = [int(length) for length in lengths]
    order = list(range(len(sizes)))
    rng = random.Random(seed)
    rng.shuffle(order)
    rows: list[list[int]] = []
    for start in range(0, len(order), WINDOW):
        window = sorted(order[start : start + WINDOW], key=lambda i: -sizes[i])
        rows.extend(_best_fit(window, sizes, capacity))
    rng.shuffle(rows)
    return rows


def _best_fit(order: Iterable[int], lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Best-fit packing; the free spaces of open rows are bits of one integer, so the best is found at once."""
    rows: list[list[int]] = []
    open_rows: dict[int, list[int]] = {}  # free space → rows that have it
    spaces = 0
    for index in order:
        fitting = spaces >> lengths[index]
        if fitting:
            space = lengths[index] + (fitting & -fitting).bit_length() - 1
            row = open_rows[space].pop()
            if not open_rows[space]:
                spaces ^= 1 << space
        else:
            space, row = capacity, len(rows)
            rows.append([])
        rows[row].append(index)
        left = space - lengths[index]
        if left:
            open_rows.setdefault(left, []).append(row)
            spaces |= 1 << left
    return rows


def collate(rows: Sequence[Sequence[Example]], capacity: int, pad: int) -> Batch:
    """Tensors of some packed rows."""
    ids = torch.full((len(rows), capacity), pad)
    positions = torch.zeros((len(rows), capacity), dtype=torch.long)
    labels = torch.full((len(rows), capacity), IGNORED)
    real = 0
    for r, row in enumerate(rows):
        at = 0
        for example in row:
            end = at + example.length
            tokens = torch.tensor(example.ids)
            ids[r, at:end] = tokens
            positions[r, at:end] = torch.arange(example.length)
            labels[r, at + example.head - 1 : end - 1] = tokens[example.head :]
            at = end
        positions[r, at:] = torch.arange(capacity - at)
        real += at
    return Batch(ids, positions, labels, real)
