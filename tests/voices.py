"""A small real adapter: the bundled base with a LoRA of known, random weights, merged and converted."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from finetune.base import BASES
from generation.adapter import Adapter, Card, open_adapter, save_card
from generation.engines.ctranslate import convert
from generation.prompt import PromptFormat
from moderation.echo import EchoIndex

BASE = BASES / "nib"


def make_adapter(folder: Path, *, name: str = "test") -> Adapter:
    """An adapter folder as `confess finetune` leaves it, but with weights drawn instead of trained."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder.mkdir(parents=True)
    torch.manual_seed(1)
    model: Any = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    lora = LoraConfig(r=4, target_modules=["c_attn"], fan_in_fan_out=True, task_type="CAUSAL_LM")
    peft: Any = get_peft_model(model, lora)
    for key, weight in peft.named_parameters():
        if "lora_B" in key:  # zero in a fresh LoRA, which would change nothing
            torch.nn.init.normal_(weight, std=0.02)
    peft.save_pretrained(str(folder))
    (folder / "README.md").unlink(missing_ok=True)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(BASE / file, folder / file)
    PromptFormat().save(folder)
    merged = folder / "merged"
    peft.merge_and_unload().save_pretrained(str(merged))
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(BASE / file, merged / file)
    convert(merged, folder / "ctranslate2")
    shutil.rmtree(merged)
    EchoIndex.build(["I told the cat everything and it told nobody."], folder / "echo")
    card = Card(
        name=name,
        base="nib",
        base_hash="test",
        architecture="GPT2LMHeadModel",
        created_at=datetime(2026, 1, 5, tzinfo=UTC),
        engine="ctranslate2",
    )
    save_card(folder, card)
    return open_adapter(folder)
