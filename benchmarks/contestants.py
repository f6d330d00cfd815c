"""One way of training LoRA on GPT-2, timed step by step in a process of its own; benchmarks/finetune.py starts it.

Every contestant trains the same LoRA (rank and layers as in :data:`LORA`) on the same posts, tokenizer and random base.
The process prints one JSON line: tokens a second of each measured step (padding not counted), peak memory, and how fast
a bf16 and an fp32 matrix product ran right before and after.
"""

import argparse
import contextlib
import json
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SHARED = Path(__file__).parents[2] / "shared" / "data" / "posts" / "funtweets"
BUNDLED = Path(__file__).parents[1] / "finetune" / "corpora" / "confessions.csv"
LORA = {"rank": 16, "alpha": 16.0}  # on every linear layer, no dropout
ROW_TOKENS, BATCH_TOKENS, WARM_UP = 256, 4096, 2
IN_USE = 14_698  # tokens of GPT-2's own vocabulary that 6,000 of those tweets use, counted with its tokenizer


def posts(most: int = 6000) -> list[str]:
    """Real posts: funny tweets where the folder beside the checkout has them, else the bundled confessions."""
    from finetune.corpus import read

    return [row.text for row in read([SHARED if SHARED.exists() else BUNDLED]).rows[:most]]


def base_model(layers: int) -> Any:
    """GPT-2 of 124 M parameters (12 layers) with random weights, so that no network is needed."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    shape = GPT2Config(n_layer=layers, attn_pdrop=0, resid_pdrop=0, embd_pdrop=0, bos_token_id=0, eos_token_id=0)
    return GPT2LMHeadModel(shape)


def matrix_speed() -> dict[str, float]:
    """Floating-point operations a second of a 2048³ product, by number format; median of 7."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    found = {}
    for name, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        a, b = (torch.randn(2048, 2048, device=device).to(dtype) for _ in range(2))
        took = []
        for _ in range(9):
            start = time.perf_counter()
            a @ b
            if device == "cuda":
                torch.cuda.synchronize()
            took.append(time.perf_counter() - start)
        found[name] = 2 * 2048**3 / statistics.median(took[2:])
    return found


def ours(layers: int, steps: int) -> list[float]:
    """The loop of ``confess finetune``: packed rows, bf16 where the hardware has it, a shortened output layer."""
    return _ours(layers, steps, shortlist="auto")


def ours_whole(layers: int, steps: int) -> list[float]:
    """The same with the whole vocabulary in every step."""
    return _ours(layers, steps, shortlist="no")


def _ours(layers: int, steps: int, *, shortlist: str) -> list[float]:
    import torch

    from finetune.corpus import Row
    from finetune.device import choose_place
    from finetune.learner import Learner
    from finetune.lora import Size, add_lora
    from finetune.recipe import Recipe
    from finetune.team import Team
    from finetune.tokens import encode, pack, pad_id, prompt_for
    from finetune.train import Rows

    recipe, tokenizer = Recipe.build({"shortlist": shortlist}), _tokenizer()
    rows = [Row(post) for post in posts()]
    examples = [found for found, _ in encode(rows, tokenizer, prompt_for(tokenizer), topics=0, seed=1)]
    examples = [example for example in examples if example.length <= ROW_TOKENS]
    packed = pack([example.length for example in examples], ROW_TOKENS, seed=1)
    at_once = BATCH_TOKENS // ROW_TOKENS
    dealt = Rows(examples, packed, ROW_TOKENS, at_once, at_once, pad_id(tokenizer), 1)
    size = Size(int(LORA["rank"]), LORA["alpha"], 5e-4, BATCH_TOKENS)
    model = add_lora(base_model(layers).requires_grad_(False), recipe, size)
    learner = Learner(model, recipe, size, choose_place(recipe), Team(), total_steps=1000)
    assert learner.shorten(torch.arange(IN_USE)) == (shortlist == "auto")
    rates = []
    for step in range(steps + WARM_UP):
        batches = dealt.of_step(step, 0, 1)
        start = time.perf_counter()
        learner.step(batches)
        rates.append(sum(batch.real for batch in batches) / (time.perf_counter() - start))
    return rates[WARM_UP:]


def tutorial(layers: int, steps: int) -> list[float]:
    """The usual tutorial: transformers' Trainer, every post padded to 128, fp32, batch 8."""
    return _trainer(layers, steps, padding="max_length", bf16=False)


def padded(layers: int, steps: int) -> list[float]:
    """The same, padded to the longest post of each batch, in bf16."""
    return _trainer(layers, steps, padding=True, bf16=True)


def trl(layers: int, steps: int) -> list[float]:
    """TRL's SFTTrainer with its packing on, bf16, as many tokens a step as ours; its gradient checkpointing off."""
    return _trl(layers, steps, strategy="bfd")


def trl_wrapped(layers: int, steps: int) -> list[float]:
    """The same with TRL's other packing, which cuts posts at the ends of rows and lets them see each other."""
    return _trl(layers, steps, strategy="wrapped")


def _trl(layers: int, steps: int, *, strategy: str) -> list[float]:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    timer = _Timer(steps)
    tokenizer = _tokenizer()
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(1)
    options = SFTConfig(
        **_shared_options(steps, batch=BATCH_TOKENS // ROW_TOKENS),
        bf16=True,
        packing=True,
        packing_strategy=strategy,
        max_length=ROW_TOKENS,
        gradient_checkpointing=False,
    )
    trainer = SFTTrainer(
        model=_with_lora(base_model(layers)),
        args=options,
        train_dataset=Dataset.from_dict({"text": posts()}),
        processing_class=tokenizer,
        callbacks=[timer.callback()],
    )
    trainer.data_collator = timer.counting(trainer.data_collator)
    trainer.train()
    return timer.rates()


def _trainer(layers: int, steps: int, *, padding: bool | str, bf16: bool) -> list[float]:
    from datasets import Dataset
    from transformers import DataCollatorForLanguageModeling, Trainer, TrainingArguments

    tokenizer, timer = _tokenizer(), _Timer(steps)
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(1)
    texts = [post + tokenizer.eos_token for post in posts()]
    encoded = tokenizer(texts, truncation=True, max_length=128, padding="max_length" if padding is not True else False)
    collate = DataCollatorForLanguageModeling(tokenizer, mlm=False)
    trainer = Trainer(
        model=_with_lora(base_model(layers)),
        args=TrainingArguments(**_shared_options(steps, batch=8), bf16=bf16),
        train_dataset=Dataset.from_dict(dict(encoded)),
        data_collator=timer.counting(collate),
        callbacks=[timer.callback()],
    )
    trainer.train()
    return timer.rates()


def _shared_options(steps: int, *, batch: int) -> dict[str, Any]:
    import torch

    return {
        "output_dir": "/nonexistent",  # nothing is saved
        "per_device_train_batch_size": batch,
        "max_steps": steps + WARM_UP,
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": not torch.cuda.is_available(),
        "dataloader_pin_memory": False,
    }


def _with_lora(model: Any) -> Any:
    from peft import LoraConfig, get_peft_model

    return get_peft_model(
        model,
        LoraConfig(
            task_type="CAUSAL_LM",
            r=int(LORA["rank"]),
            lora_alpha=LORA["alpha"],
            target_modules="all-linear",
            fan_in_fan_out=True,
        ),
    )


def _tokenizer() -> Any:
    from finetune.base import load_tokenizer, resolve_base

    return load_tokenizer(resolve_base("nib"))


class _Timer:
    """Times a Trainer's steps and counts the real tokens of each batch."""

    def __init__(self, steps: int) -> None:
        self.steps, self.tokens, self.seconds = steps, list[int](), list[float]()

    def counting(self, collate: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The collator, which now remembers how many tokens of each batch are no padding."""

        def collate_and_count(rows: Any) -> Any:
            batch = collate(rows)
            mask = batch.get("attention_mask")
            real = int(mask.sum()) if mask is not None else int((batch["labels"] != -100).sum())
            self.tokens.append(real)
            return batch

        return collate_and_count

    def callback(self) -> Any:
        """A Trainer callback that notes when steps begin and end."""
        from transformers import TrainerCallback

        timer = self

        class Note(TrainerCallback):  # type: ignore[misc]
            def on_step_begin(self, *_: Any, **__: Any) -> None:
                self.start = time.perf_counter()

            def on_step_end(self, *_: Any, **__: Any) -> None:
                timer.seconds.append(time.perf_counter() - self.start)

        return Note()

    def rates(self) -> list[float]:
        """Real tokens a second of each measured step."""
        pairs = zip(self.tokens[: len(self.seconds)], self.seconds, strict=True)
        return [tokens / seconds for tokens, seconds in pairs][WARM_UP:]


CONTESTANTS: dict[str, Callable[[int, int], list[float]]] = {
    "ours": ours,
    "ours_whole": ours_whole,
    "tutorial": tutorial,
    "padded": padded,
    "trl": trl,
    "trl_wrapped": trl_wrapped,
}


def peak_memory() -> float:
    """Peak resident memory of this process in MB; of the GPU where there is one."""
    import torch

    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated() / 1e6)
    with contextlib.suppress(OSError, TypeError):
        found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
        if found:
            return int(found[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> None:
    """Run one contestant and print its JSON line last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=CONTESTANTS)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--steps", type=int, default=5)
    options = parser.parse_args()
    before = matrix_speed()
    with contextlib.redirect_stdout(sys.stderr):
        rates = CONTESTANTS[options.name](options.layers, options.steps)
    after = matrix_speed()
    speed = {key: max(before[key], after[key]) for key in before}
    print(json.dumps({"rates": rates, "memory_mb": peak_memory(), "matrix": speed}))


if __name__ == "__main__":
    main()
