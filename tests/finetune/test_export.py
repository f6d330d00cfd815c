"""Merged, an adapter says what it said before; two are compared line by line."""

import dataclasses
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from finetune.compare import compare
from finetune.errors import BaseError, FinetuneError
from finetune.export import STAYS_HERE, export, load_adapted, push
from finetune.recipe import Recipe
from finetune.run import finetune
from generation.adapter import Adapter, open_adapter, save_card
from generation.engines import open_generator

QUICK = {
    "epochs": 1,
    "max_steps": 3,
    "samples": 2,
    "max_tokens": 8,
    "row_tokens": 128,
    "batch_tokens": 256,
    "topics": 0,
}


@pytest.fixture(scope="module")
def adapter(tiny_llama: Path, small_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    recipe = Recipe.build({"base": str(tiny_llama), **QUICK, "learning_rate": 0.05, "precision": "fp32"})
    return finetune(small_corpus, recipe, tmp_path_factory.mktemp("adapters"), name="one")


def test_a_merged_folder_is_plain_transformers_and_says_the_same(adapter: Adapter, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = export(adapter.folder, tmp_path / "merged")
    merged = AutoModelForCausalLM.from_pretrained(out)
    model, _ = load_adapted(adapter)
    ids = torch.tensor([AutoTokenizer.from_pretrained(out)("I once told a stranger")["input_ids"]])
    with torch.no_grad():
        ours, theirs = model(ids).logits, merged(ids).logits
        plain = model.get_base_model()
        with model.disable_adapter():
            base = plain(ids).logits
    assert torch.allclose(ours, theirs, atol=1e-4)
    assert not torch.allclose(ours, base, atol=1e-3)
    assert not (out / "adapter_config.json").exists()
    with pytest.raises(FinetuneError, match="there already"):
        export(adapter.folder, out)


def test_without_its_base_it_is_not_merged(adapter: Adapter, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(adapter.folder, copy)
    save_card(copy, dataclasses.replace(adapter.card, base_hash="0" * 16))
    with pytest.raises(BaseError, match="not the one"):
        export(copy, tmp_path / "merged")
    assert not list(tmp_path.glob("*merged*"))


def test_a_push_with_the_hub_out_of_reach_is_one_sentence(adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_TOKEN", "hf_not_a_real_token")
    with pytest.raises(FinetuneError) as caught:
        push(adapter.folder, "some-body/some-voice")
    assert "Hub" in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_pushed_holds_nobody_s_words_and_no_names(adapter: Adapter) -> None:
    from huggingface_hub.utils._paths import filter_repo_objects

    there = [path.relative_to(adapter.folder).as_posix() for path in adapter.folder.rglob("*") if path.is_file()]
    goes = set(filter_repo_objects(there, ignore_patterns=STAYS_HERE))
    assert {"authors.json", "samples.jsonl", "data-rows.npy", "report.html"} <= {*there} - goes
    own = {"adapter_config.json", "adapter_model.safetensors", "card.json", "prompt.json"}
    assert goes == own | {"data-card.json", "data-card.md", "tokenizer.json", "tokenizer_config.json"}
    said = "".join((adapter.folder / name).read_text() for name in goes if name.endswith((".json", ".md")))
    samples = [json.loads(line)["text"] for line in (adapter.folder / "samples.jsonl").read_text().splitlines()]
    assert not [text for text in samples if text and json.dumps(text)[1:-1] in said]


def test_a_talking_person_is_not_told_of_the_libraries_quarrels(adapter: Adapter, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        export(adapter.folder, tmp_path / "merged")
        open_generator(adapter, engine="transformers", threads=1).close()


def test_comparing_names_the_better_where_the_posts_are_the_same(adapter: Adapter, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "two"
    shutil.copytree(adapter.folder, copy)
    metrics: Any = adapter.card.metrics
    better = {**metrics, "after": {"loss": metrics["after"]["loss"] - 1, "bits_per_byte": 1.0}}
    save_card(copy, dataclasses.replace(adapter.card, name="two", metrics=better))
    lines = {line.what: line for line in compare(adapter, open_adapter(copy))}
    assert lines["loss after, nats a token"].better == "right"
    assert lines["samples that copy a post"].better is None  # the same
    other_posts = {**adapter.card.data, "sha256": "another"}
    save_card(copy, dataclasses.replace(adapter.card, name="two", metrics=better, data=other_posts))
    lines = {line.what: line for line in compare(adapter, open_adapter(copy))}
    assert lines["loss after, nats a token"].better is None
