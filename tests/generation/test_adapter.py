"""The folder format: complete when its card is, and every kind of damage has its sentence."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from generation.adapter import CARD, Adapter, Card, damaged_files, list_adapters, open_adapter, save_card
from generation.errors import AdapterBroken, AdapterIncomplete, AdapterNotFound
from generation.prompt import PromptFormat

CREATED = datetime(2026, 1, 5, 9, tzinfo=UTC)


def make(folder: Path, *, created_at: datetime = CREATED) -> Adapter:
    (folder / "ctranslate2").mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    (folder / "ctranslate2" / "model.bin").write_bytes(b"converted")
    (folder / "report.html").write_text("report")
    PromptFormat().save(folder)
    card = Card(name=folder.name, base="nib", base_hash="b" * 16, architecture="GPT2LMHeadModel", created_at=created_at)
    save_card(folder, card)
    return open_adapter(folder)


def test_a_saved_card_comes_back_with_every_file_marked(tmp_path: Path) -> None:
    adapter = make(tmp_path / "a")
    assert set(adapter.card.files) == {
        "adapter_model.safetensors",
        "ctranslate2/model.bin",
        "prompt.json",
        "report.html",
    }
    assert adapter.card.created_at == CREATED
    assert adapter.prompt == PromptFormat()
    assert adapter.has("ctranslate2/") and not adapter.has("echo/")
    assert not damaged_files(adapter)
    assert not list((tmp_path / "a").glob("*.tmp"))


def test_the_fingerprint_follows_the_voice_and_nothing_else(tmp_path: Path) -> None:
    adapter = make(tmp_path / "a")
    (adapter.folder / "report.html").write_text("a longer report")
    save_card(adapter.folder, adapter.card)
    assert open_adapter(adapter.folder).hash == adapter.hash
    (adapter.folder / "adapter_model.safetensors").write_bytes(b"other")
    save_card(adapter.folder, adapter.card)
    assert open_adapter(adapter.folder).hash != adapter.hash
    assert replace(adapter.card, base_hash="c" * 16).hash != adapter.hash


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(AdapterNotFound, match="There is no adapter at"):
        open_adapter(tmp_path / "nowhere")


def test_no_card_means_that_training_did_not_finish(tmp_path: Path) -> None:
    adapter = make(tmp_path / "a")
    (adapter.folder / CARD).unlink()
    with pytest.raises(AdapterIncomplete, match="did not finish"):
        open_adapter(adapter.folder)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    adapter = make(tmp_path / "a")
    (adapter.folder / "ctranslate2" / "model.bin").unlink()
    with pytest.raises(AdapterBroken, match=r"lacks its file ctranslate2/model\.bin"):
        open_adapter(adapter.folder)
    assert damaged_files(adapter) == ["ctranslate2/model.bin"]


def test_a_cut_file_is_found_by_its_size_alone(tmp_path: Path) -> None:
    adapter = make(tmp_path / "a")
    (adapter.folder / "adapter_model.safetensors").write_bytes(b"weig")
    with pytest.raises(AdapterBroken, match="has 4 bytes, not the 7"):
        open_adapter(adapter.folder)


def test_a_flipped_byte_is_found_by_the_full_check(tmp_path: Path) -> None:
    adapter = make(tmp_path / "a")
    (adapter.folder / "adapter_model.safetensors").write_bytes(b"Weights")
    assert damaged_files(open_adapter(adapter.folder)) == ["adapter_model.safetensors"]


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../b"])
def test_a_card_cannot_name_files_outside_its_folder(tmp_path: Path, path: str) -> None:
    adapter = make(tmp_path / "a")
    card = json.loads((adapter.folder / CARD).read_text())
    card["files"][path] = {"bytes": 1, "sha256": ""}
    (adapter.folder / CARD).write_text(json.dumps(card))
    with pytest.raises(AdapterBroken, match="outside the folder"):
        open_adapter(adapter.folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 99}', '{"version": 1}', "\x00"])
def test_a_damaged_card_is_one_sentence(tmp_path: Path, text: str) -> None:
    adapter = make(tmp_path / "a")
    (adapter.folder / CARD).write_text(text)
    with pytest.raises(AdapterBroken, match="not a card of this program"):
        open_adapter(adapter.folder)


def test_the_list_is_newest_first_and_leaves_out_what_cannot_be_used(tmp_path: Path) -> None:
    make(tmp_path / "old")
    make(tmp_path / "new", created_at=datetime(2026, 2, 1, tzinfo=UTC))
    broken = make(tmp_path / "broken")
    (broken.folder / "prompt.json").unlink()
    (tmp_path / "unfinished").mkdir()
    assert [adapter.name for adapter in list_adapters(tmp_path)] == ["new", "old"]
    assert list_adapters(tmp_path / "nowhere") == []
