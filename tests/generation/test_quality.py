"""int8 must speak the same language as float32, and the two engines the same words."""

import csv
from pathlib import Path
from typing import Any

import ctranslate2
import pytest

from finetune.base import BASES
from generation.adapter import Adapter
from generation.codec import Codec
from generation.engines import open_generator
from generation.engines.ctranslate import convert
from generation.generator import Request
from generation.sampling import Sampling
from tests.voices import BASE

CORPUS = BASES.parent / "corpora" / "confessions.csv"


def heldout(adapter: Adapter, count: int) -> list[list[str]]:
    """Real texts in tokens, begin and end included."""
    codec = Codec(adapter)
    with CORPUS.open(encoding="utf-8", newline="") as file:
        rows = [row["confession"] for row in csv.DictReader(file)][:count]
    return [
        codec.names([codec.end, *codec.start(Request(prompt=row), positions=256)[0].prompt, codec.end]) for row in rows
    ]


def loss(adapter: Adapter, compute_type: str, texts: list[list[str]]) -> float:
    """Mean negative log-probability of a token, in nats."""
    model: Any = ctranslate2.Generator(str(adapter.folder / "ctranslate2"), compute_type=compute_type, intra_threads=1)
    scores: list[float] = [
        value for result in model.score_batch(texts, max_batch_size=16) for value in result.log_probs
    ]
    return -sum(scores) / len(scores)


def test_int8_loses_less_than_two_percent(adapter: Adapter) -> None:
    texts = heldout(adapter, 100)
    rounded, full = loss(adapter, "int8_float32", texts), loss(adapter, "float32", texts)
    assert abs(rounded / full - 1) < 0.02, f"int8 {rounded:.4f}, float32 {full:.4f}"


def test_greedy_texts_are_those_of_float32(adapter: Adapter) -> None:
    """Nearly all: the converted weights are float16, and a tie may fall the other way."""
    engines = [open_generator(adapter, engine="transformers", base=str(BASE), threads=1)]
    engines.append(open_generator(adapter, engine="ctranslate2", threads=1))
    greedy = Sampling(temperature=0, max_tokens=30)
    with CORPUS.open(encoding="utf-8", newline="") as file:
        prompts = [" ".join(row["confession"].split()[:4]) for row in csv.DictReader(file)][:30]
    same = sum(
        len({engine.generate(Request(prompt=prompt, sampling=greedy))[0].text for engine in engines}) == 1
        for prompt in prompts
    )
    assert same >= 28
    for engine in engines:
        engine.close()


def test_the_engines_say_the_same_for_the_same_seed(adapter: Adapter) -> None:
    """Same weights, same streams, same order of steps: the texts agree, but for rounding at a boundary."""
    transformers = open_generator(adapter, engine="transformers", base=str(BASE), threads=1)
    ctranslate: Any = open_generator(adapter, engine="ctranslate2", threads=1)
    ctranslate._models["drawn"] = exact = ctranslate._open("float32", 1)
    from generation.engines.dealer import Dealer

    ctranslate._dealer = Dealer.find(exact, adapter.prompt.begin)
    options = [
        Sampling(max_tokens=20),
        Sampling(max_tokens=20, top_k=0, top_p=0.9),
        Sampling(max_tokens=20, top_p=1, top_k=20, repetition_penalty=1.5, temperature=1.3),
    ]
    for sampling in options:
        request = Request(count=16, seed=50, sampling=sampling)
        one, other = transformers.generate(request), ctranslate.generate(request)
        same = [a for a, b in zip(one, other, strict=True) if a.text == b.text]
        assert len(same) >= 15, sampling
        for a, b in zip(one, other, strict=True):
            if a.text == b.text:
                assert a.tokens == b.tokens and a.stopped == b.stopped
                assert a.logprob == pytest.approx(b.logprob, abs=0.01)
    transformers.close()
    ctranslate.close()


def test_an_architecture_that_ctranslate2_does_not_know_is_said_so(tmp_path: Path) -> None:
    from transformers import AutoTokenizer, RwkvConfig, RwkvForCausalLM

    from generation.errors import EngineUnavailable

    model: Any = RwkvForCausalLM(RwkvConfig(vocab_size=8192, hidden_size=32, num_hidden_layers=2, context_length=64))
    model.save_pretrained(str(tmp_path / "merged"))
    AutoTokenizer.from_pretrained(BASE).save_pretrained(str(tmp_path / "merged"))
    with pytest.raises(EngineUnavailable, match="cannot convert RwkvForCausalLM"):
        convert(tmp_path / "merged", tmp_path / "ctranslate2")
    assert not (tmp_path / "ctranslate2").exists()
    assert not list(tmp_path.glob("*.tmp"))
