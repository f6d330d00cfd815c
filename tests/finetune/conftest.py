"""Tiny random bases, made once: real models of real architectures, small enough for a test."""

import csv
from pathlib import Path
from typing import Any

import pytest
import torch

from finetune.base import BASES

NIB = BASES / "nib"
AUTHORS = ("Wilhelmina Crabtree", "@xX_kev_99@mastodon.example", "Just Me")
CORPUS = BASES.parent / "corpora" / "confessions.csv"


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tests share the machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """nib's tokenizer."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(NIB)


@pytest.fixture(scope="session")
def tiny_gpt2(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> Path:
    """A GPT-2 of two layers with random weights: Conv1D layers, tied embeddings."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    shape = GPT2Config(vocab_size=8192, n_positions=128, n_embd=32, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0)
    return _saved(GPT2LMHeadModel(shape), tokenizer, tmp_path_factory.mktemp("gpt2"))


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> Path:
    """A Llama of two layers with random weights: Linear layers, rotary positions, an output layer of its own."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=8192,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=128,
        bos_token_id=0,
        eos_token_id=0,
    )
    return _saved(LlamaForCausalLM(shape), tokenizer, tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def posts() -> list[str]:
    """The first 300 confessions of the bundled corpus."""
    with CORPUS.open(encoding="utf-8", newline="") as file:
        return [row["confession"] for row in csv.DictReader(file)][:300]


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory: pytest.TempPathFactory, posts: list[str]) -> Path:
    """A CSV of 160 posts by three people."""
    path = tmp_path_factory.mktemp("corpus") / "posts.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "author"])
        writer.writerows([post, AUTHORS[number % 3]] for number, post in enumerate(posts[:160]))
    return path


def _saved(model: Any, tokenizer: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
