"""Fresh posts from the model in training, many at once, to judge it by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from finetune.device import Place
from finetune.tokens import pad_id
from generation.prompt import PromptFormat
from generation.sampling import Sampling

BATCH = 64  # posts written side by side


@dataclass(frozen=True, slots=True)
class Sample:
    """One post as the model wrote it."""

    text: str
    stopped: bool  # it ended by itself
    tokens: int
    topic: str | None = None
    temperature: float = 0.0


def write(
    model: Any,
    tokenizer: Any,
    prompt: PromptFormat,
    topics: Sequence[str | None],
    *,
    sampling: Sampling,
    seed: int,
    place: Place,
) -> list[Sample]:
    """One post for each topic, None for none. The same seed gives the same posts; training draws as before."""
    samples: list[Sample] = []
    learning = [module for module in model.modules() if module.training]  # dropouts, blocks that recompute
    with torch.no_grad(), torch.random.fork_rng(devices=[place.device] if place.device.type == "cuda" else []):
        torch.manual_seed(seed)
        for module in learning:
            module.training = False
        for start in range(0, len(topics), BATCH):
            samples.extend(_batch(model, tokenizer, prompt, topics[start : start + BATCH], sampling, place))
    for module in learning:
        module.training = True
    return samples


def _batch(
    model: Any, tokenizer: Any, prompt: PromptFormat, topics: Sequence[str | None], sampling: Sampling, place: Place
) -> list[Sample]:
    pad, end = pad_id(tokenizer), tokenizer.eos_token_id
    heads = tokenizer([prompt.head(topic) for topic in topics], add_special_tokens=False)["input_ids"]
    width = max(map(len, heads))
    ids = torch.tensor([[pad] * (width - len(head)) + head for head in heads], device=place.device)
    mask = torch.tensor([[0] * (width - len(head)) + [1] * len(head) for head in heads], device=place.device)
    greedy = sampling.temperature == 0
    chosen = {} if greedy else {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}
    with place.autocast():
        written = model.generate(
            input_ids=ids,
            attention_mask=mask,
            do_sample=not greedy,
            repetition_penalty=sampling.repetition_penalty,
            max_new_tokens=sampling.max_tokens,
            pad_token_id=pad,
            eos_token_id=end,
            use_cache=True,
            **chosen,
        )
    samples = []
    for row, topic in zip(written[:, width:].tolist(), topics, strict=True):
        stopped = end in row
        kept = row[: row.index(end)] if stopped else row
        text = tokenizer.decode(kept, skip_special_tokens=True)
        samples.append(Sample(text, stopped, len(kept) + stopped, topic, sampling.temperature))
    return samples
