"""Examples for tests, made the way a run makes them."""

from collections.abc import Sequence
from typing import Any

from finetune.corpus import Row
from finetune.tokens import Example, encode, prompt_for


def examples_of(posts: Sequence[str], tokenizer: Any, *, topics: float = 0.0, seed: int = 1) -> list[Example]:
    """The posts in tokens."""
    rows = [Row(post) for post in posts]
    return [example for example, _ in encode(rows, tokenizer, prompt_for(tokenizer), topics=topics, seed=seed)]
