"""A base is found, checked and hashed, or refused in one sentence."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from finetune.base import load_model, load_tokenizer, resolve_base
from finetune.errors import BaseError, BaseNotFound, BaseUnfit, RecipeError
from finetune.lora import add_lora, settle, trainable
from finetune.recipe import Recipe


def test_nib_is_found_by_name_and_hashed_by_content(tmp_path: Path) -> None:
    nib = resolve_base("nib")
    copy = tmp_path / "copy"
    shutil.copytree(nib.folder, copy)
    assert (nib.architecture, nib.context) == ("gpt2", 256)
    assert resolve_base(str(copy)).hash == nib.hash
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"n_ctx": 99}))
    assert resolve_base(str(copy)).hash != nib.hash


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "a/b/c"])
def test_what_is_neither_folder_nor_hub_id_is_said_so(name: str) -> None:
    with pytest.raises(BaseNotFound, match=r"There is no base .* with a bundled base"):
        resolve_base(name)


def test_a_base_without_a_name_is_said_so() -> None:
    with pytest.raises(BaseNotFound, match="no name"):
        resolve_base("")


def test_with_the_hub_out_of_reach_one_sentence_names_the_alternatives(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real Hub client, sent to a closed port."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(BaseNotFound) as caught:
        resolve_base("some-body/no-model-of-this-name")
    assert "out of reach" in str(caught.value) and "nib" in str(caught.value)
    assert "\n" not in str(caught.value)


def _folder(tmp_path: Path, config: Mapping[str, object], *, weights: bool = True) -> str:
    (tmp_path / "config.json").write_text(json.dumps(config))
    if weights:
        (tmp_path / "model.safetensors").write_bytes(b"")
    return str(tmp_path)


@pytest.mark.parametrize(
    ("config", "architecture"),
    [
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "BertForMaskedLM"),
        ({"model_type": "bert", "architectures": ["BertLMHeadModel"]}, "BertLMHeadModel"),
        ({"model_type": "t5", "architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True}, "T5"),
        ({"model_type": "vit", "architectures": ["ViTModel"]}, "ViTModel"),
        ({"model_type": "gpt2"}, "unknown"),
    ],
)
def test_a_base_that_is_no_causal_language_model_is_refused(
    config: dict[str, object], architecture: str, tmp_path: Path
) -> None:
    with pytest.raises(BaseUnfit, match=f"{architecture}.*not a causal language model") as caught:
        resolve_base(_folder(tmp_path, config))
    assert "\n" not in str(caught.value)


def test_an_adapter_pickled_weights_and_broken_files_are_refused(tmp_path: Path, tiny_gpt2: Path) -> None:
    gpt2 = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}
    with pytest.raises(BaseUnfit, match="no safetensors"):
        resolve_base(_folder(tmp_path, gpt2, weights=False))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(BaseNotFound, match="missing or broken"):
        resolve_base(str(tmp_path))
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(BaseUnfit, match="is an adapter, not a base"):
        resolve_base(str(tmp_path))
    cut = tmp_path / "cut"
    shutil.copytree(tiny_gpt2, cut)
    os.truncate(cut / "model.safetensors", 1000)
    with pytest.raises(BaseError, match="cannot be loaded"):
        load_model(resolve_base(str(cut)))


def _changed(tiny_gpt2: Path, tmp_path: Path, **config: object) -> Path:
    """The tiny base with other settings in its config.json."""
    copy = tmp_path / "copy"
    shutil.copytree(tiny_gpt2, copy)
    known = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(known | config))
    return copy


def test_weights_that_do_not_belong_to_their_config_are_refused(
    tiny_gpt2: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """transformers alone would fill what is missing with random numbers, and print a table."""
    wide = _changed(tiny_gpt2, tmp_path / "wide", n_embd=64)
    deep = _changed(tiny_gpt2, tmp_path / "deep", n_layer=3)
    for folder, such in ((wide, r"28 tensors .*h\.0\.attn"), (deep, r"12 tensors .*h\.2\.attn")):
        with pytest.raises(BaseUnfit, match=f"do not belong to its config.json: {such}"):
            load_model(resolve_base(str(folder)))
    assert capfd.readouterr() == ("", "")


def test_a_base_without_a_tokenizer_of_its_own_is_refused(tiny_gpt2: Path, tmp_path: Path) -> None:
    """Missing (transformers makes an empty one for GPT-2), damaged, or another model's."""
    folder = _changed(tiny_gpt2, tmp_path)
    assert load_tokenizer(resolve_base(str(folder))).vocab_size == 8192
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(BaseUnfit, match="no usable tokenizer"):
        load_tokenizer(resolve_base(str(folder)))
    for file in folder.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(BaseUnfit, match="lacks tokenizer"):
        load_tokenizer(resolve_base(str(folder)))
    with pytest.raises(BaseUnfit, match="has 8,192 tokens and its model 100"):
        load_tokenizer(resolve_base(str(_changed(tiny_gpt2, tmp_path / "small", vocab_size=100))))


def test_a_context_no_post_fits_in_is_refused(tiny_gpt2: Path, tmp_path: Path) -> None:
    with pytest.raises(BaseUnfit, match="texts of -5 tokens"):
        resolve_base(str(_changed(tiny_gpt2, tmp_path, n_positions=-5)))


@pytest.mark.parametrize(("base", "layers"), [("tiny_gpt2", 4), ("tiny_llama", 7)])
def test_lora_goes_on_every_linear_layer_but_the_output(base: str, layers: int, request: pytest.FixtureRequest) -> None:
    model = load_model(resolve_base(str(request.getfixturevalue(base))))
    recipe = Recipe(rank=4)
    model = add_lora(model, recipe, settle(recipe, 1000))
    names = list(trainable(model))
    assert len(names) == 2 * layers * 2  # A and B, two blocks
    assert all("lora_" in name and "lm_head" not in name and "embed" not in name for name in names)


def test_unknown_targets_are_answered_with_the_layers_there_are(tiny_gpt2: Path) -> None:
    model = load_model(resolve_base(str(tiny_gpt2)))
    recipe = Recipe.build({"targets": ["q_proj"]})
    with pytest.raises(RecipeError, match="targets are q_proj, but this base has c_attn, c_fc, c_proj"):
        add_lora(model, recipe, settle(recipe, 1000))
