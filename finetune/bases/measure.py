"""Measure a base on short posts it never saw: bits a byte as it is and after LoRA, and how much it recites.

Bits a byte compare bases with different tokenizers: the loss of a post (each of its tokens and the end token, the post
alone after the begin token) in bits, over the bytes of its UTF-8. The copy rate is the share of the eight-word runs in
fresh samples that stand in the text the base was pretrained on; the same share for posts that people wrote says how
many common phrases make up by themselves.

    python -m finetune.bases.measure finetune/bases/nib --posts confessions.csv --column confession --text CORPUS
"""

import argparse
import csv
import json
import lzma
import math
import random
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peft import LoraConfig, get_peft_model
from rich.console import Console
from torch.nn.functional import cross_entropy

from finetune.base import Base, load_model, load_tokenizer, resolve_base
from finetune.tokens import Batch, Example, collate, pack, pad_id

HELD_OUT = 150
RANK = 32
RATE = 3e-3
ROWS = 8  # of 256 tokens in one step
NGRAM = 8
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def read_posts(path: Path, column: str) -> list[str]:
    """The distinct texts of one column of a CSV file, in file order, white space made single."""
    with path.open(encoding="utf-8-sig", newline="") as handle:
        texts = [" ".join(row[column].split()) for row in csv.DictReader(handle)]
    return list(dict.fromkeys(text for text in texts if text))


def split_posts(posts: Sequence[str], train: int, seed: int) -> tuple[list[str], list[str]]:
    """At most ``train`` posts to learn from, and ``HELD_OUT`` others; the same seed gives the same ones."""
    order = list(posts)
    random.Random(seed).shuffle(order)
    return order[HELD_OUT : HELD_OUT + train], order[:HELD_OUT]


def examples(posts: Sequence[str], tokenizer: Any, context: int) -> list[Example]:
    """Tokens of each post from the begin token to the end token; one that is longer than the context is cut."""
    begin, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    found = tokenizer(list(posts), add_special_tokens=False)["input_ids"]
    return [Example([end if begin is None else begin, *ids, end][:context], 1) for ids in found]


def loss_sum(model: Any, batch: Batch) -> Any:
    """The summed loss of a batch in nats, posts in one row blind to each other."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(input_ids=batch.input_ids, position_ids=batch.position_ids, use_cache=False).logits
    return cross_entropy(logits.flatten(0, 1).float(), batch.labels.flatten(), reduction="sum")


def bits_a_byte(model: Any, tokenizer: Any, posts: Sequence[str], context: int) -> float:
    """Bits a byte over all posts together."""
    found = examples(posts, tokenizer, context)
    model.eval()
    nats = 0.0
    with torch.no_grad():
        for row in pack([one.length for one in found], context, seed=0):
            nats += float(loss_sum(model, collate([[found[i] for i in row]], context, pad_id(tokenizer))))
    return nats / math.log(2) / sum(len(post.encode()) for post in posts)


def tune(model: Any, tokenizer: Any, posts: Sequence[str], context: int, epochs: int, seed: int) -> Any:
    """LoRA of rank 32 on every linear layer, AdamW, the rate falling linearly to zero; returns the wrapped model."""
    torch.manual_seed(seed)
    config = LoraConfig(r=RANK, lora_alpha=RANK, target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True)
    tuned = get_peft_model(model, config)
    optimiser = torch.optim.AdamW([param for param in tuned.parameters() if param.requires_grad], lr=RATE)
    found = examples(posts, tokenizer, context)
    lengths = [one.length for one in found]
    epochs_of_rows = [pack(lengths, context, seed=seed + epoch) for epoch in range(epochs)]
    rows = [[found[i] for i in row] for epoch in epochs_of_rows for row in epoch]
    tuned.train()
    for start in range(0, len(rows), ROWS):
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - start / len(rows)) * min(1.0, (start + ROWS) / (10 * ROWS))
        batch = collate(rows[start : start + ROWS], context, pad_id(tokenizer))
        (loss_sum(tuned, batch) / (batch.labels >= 0).sum()).backward()
        torch.nn.utils.clip_grad_norm_(tuned.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
    return tuned


def write(model: Any, tokenizer: Any, count: int, seed: int) -> list[str]:
    """Fresh samples from the begin token alone: temperature 0.9, nucleus 0.95, at most 80 tokens."""
    torch.manual_seed(seed)
    model.eval()
    begin = torch.full((count, 1), tokenizer.eos_token_id)
    with torch.no_grad():
        ids = model.generate(
            input_ids=begin,
            attention_mask=torch.ones_like(begin),
            do_sample=True,
            temperature=0.9,
            top_p=0.95,
            max_new_tokens=80,
            pad_token_id=tokenizer.eos_token_id,
            use_cache=True,
        )
    return [tokenizer.decode(row, skip_special_tokens=True).strip() for row in ids]


def runs(text: str, vocabulary: dict[str, int], *, grow: bool) -> NDArray[np.uint64]:
    """A hash of each run of eight words of a text; words outside the vocabulary are 0, or join it if it may grow."""
    words = (match.group().lower().replace("’", "'") for match in WORD.finditer(text))
    if grow:
        ids = np.array([vocabulary.setdefault(word, len(vocabulary) + 1) for word in words], np.uint64)
    else:
        ids = np.fromiter((vocabulary.get(word, 0) for word in words), np.uint64)
    hashed = np.zeros(max(0, len(ids) - NGRAM + 1), np.uint64)
    for offset in range(NGRAM):
        hashed = hashed * np.uint64(0x9E3779B97F4A7C15) + ids[offset : offset + len(hashed)]
    return hashed


def copy_rates(texts: dict[str, list[str]], shards: Iterable[Path]) -> dict[str, float]:
    """For each named list of texts, the share of its eight-word runs that stand in the shards (``*.txt.xz``)."""
    vocabulary: dict[str, int] = {}
    wanted = {name: np.concatenate([runs(text, vocabulary, grow=True) for text in own]) for name, own in texts.items()}
    everything = np.unique(np.concatenate(list(wanted.values())))
    present = np.zeros(len(everything), bool)
    for shard in shards:
        text = lzma.decompress(shard.read_bytes()).decode("utf-8")
        for document in text.split("\n<|endoftext|>\n"):
            present |= np.isin(everything, runs(document, vocabulary, grow=False))
    found = everything[present]
    return {name: float(np.isin(hashed, found).mean()) for name, hashed in wanted.items()}


def measure(base: Base, posts: Sequence[str], *, train: int, epochs: int, samples: int, seed: int) -> dict[str, Any]:
    """One base's numbers on one corpus, and its samples before and after LoRA."""
    learn, held_out = split_posts(posts, train, seed)
    tokenizer, model = load_tokenizer(base), load_model(base)
    texts = {"before": write(model, tokenizer, samples, seed)} if samples else {}
    before = bits_a_byte(model, tokenizer, held_out, base.context)
    began = time.monotonic()
    tuned = tune(model, tokenizer, learn, base.context, epochs, seed)
    seconds = time.monotonic() - began
    after = bits_a_byte(tuned, tokenizer, held_out, base.context)
    if samples:
        texts["after"] = write(tuned, tokenizer, samples, seed)
    numbers = {"bits_before": round(before, 4), "bits_after": round(after, 4), "lora_seconds": round(seconds)}
    return {"base": base.name, "posts": len(learn), "held_out": len(held_out), **numbers, "texts": texts}


def main() -> None:
    """Measure each base named on the command line; one JSON line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bases", nargs="+", help="bundled name, folder or Hub id; the first one to compare with")
    parser.add_argument("--posts", type=Path, required=True, help="CSV file of short posts")
    parser.add_argument("--column", required=True, help="its column that holds them")
    parser.add_argument("--text", type=Path, help="folder of the pretraining text; gives copy rates")
    parser.add_argument("--train", type=int, default=2000, help="posts to learn from, at most")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--samples", type=int, default=200, help="texts to write for the copy rate")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True, markup=False)
    posts = read_posts(args.posts, args.column)
    for name in args.bases:
        samples = args.samples if args.text else 0
        result = measure(
            resolve_base(name), posts, train=args.train, epochs=args.epochs, samples=samples, seed=args.seed
        )
        if args.text:
            people = split_posts(posts, args.train, args.seed)[1]
            rates = copy_rates({**result["texts"], "people": people}, sorted(args.text.glob("*.txt.xz")))
            result["copy"] = {key: round(rate, 5) for key, rate in rates.items()}
            result["texts"] = {key: texts[:8] for key, texts in result["texts"].items()}
        console.print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
