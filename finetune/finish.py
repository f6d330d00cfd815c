"""The last part of a run: best weights, merged and converted model, samples, data card, and the card last."""

import json
import shutil
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from finetune.base import Base
from finetune.checks import best, judge
from finetune.corpus import Corpus
from finetune.corpus import card as data_card
from finetune.export import save_merged
from finetune.learner import read_story
from finetune.lesson import Lesson
from finetune.progress import Progress, Update
from finetune.sample import Sample, write
from finetune.train import BEST, Story
from generation.adapter import Card, save_card
from generation.sampling import Sampling
from moderation.echo import EchoIndex

LIBRARIES = ("confessional", "torch", "transformers", "peft", "ctranslate2")
TEMPERATURES = (0.7, 0.9, 1.1)


def finish(
    work: Path,
    lesson: Lesson,
    corpus: Corpus,
    base: Base,
    before: dict[str, float],
    story: Story,
    echo: EchoIndex,
    *,
    name: str,
    consent: str,
    now: datetime,
    progress: Progress,
) -> Path:
    """Make the adapter folder inside the work folder and return it; its card is written last."""
    recipe, learner = lesson.learner.recipe, lesson.learner
    folder = work / "adapter"
    model = learner.model
    load_best(work / BEST, learner.weights)
    chosen = best(story.checks, recipe.max_copy)
    progress(Update("save", 0, 4, note=f"keeping step {read_story(work / BEST)['step']}"))
    model.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)
    lesson.tokenizer.save_pretrained(folder)
    lesson.prompt.save(folder)
    data_card.write(folder, corpus, None, consent=consent, now=now)
    progress(Update("save", 1, 4))
    samples = final_samples(lesson)
    _save_samples(samples, folder / "samples.jsonl")
    progress(Update("save", 2, 4))
    metrics: dict[str, Any] = {
        "before": before,
        "after": {"loss": chosen.loss, "bits_per_byte": chosen.bits_per_byte},
        "samples": judge(samples, echo, [row.text for row in lesson.train[:2000]]),
        "chosen_step": chosen.step,
        "steps": len(story.losses),
        "seconds": round(story.seconds, 1),
        "tokens": story.tokens,
        "losses": story.losses,
        "checks": [check.to_json() for check in story.checks],
    }
    convert(model, lesson, work / "merged", folder / "ctranslate2")
    progress(Update("save", 3, 4))
    card = Card(
        name=name,
        base=base.name,
        base_hash=base.hash,
        architecture=type(model.get_base_model()).__name__,
        created_at=now,
        engine="ctranslate2" if (folder / "ctranslate2").exists() else "transformers",
        recipe=recipe.to_json() | {"settled": asdict(learner.size)},
        data={
            "rows": len(corpus.rows),
            "held_out": len(lesson.held_out),
            "sha256": corpus.sha256,
            "too_long": lesson.too_long,
        },
        metrics=metrics,
        versions={library: version(library) for library in LIBRARIES},
    )
    save_card(folder, card)
    progress(Update("save", 4, 4))
    return folder


def final_samples(lesson: Lesson, count: int = 20) -> list[Sample]:
    """Posts at three temperatures, ``count`` each."""
    learner, samples = lesson.learner, list[Sample]()
    for temperature in TEMPERATURES:
        sampling = Sampling(temperature=temperature, max_tokens=learner.recipe.max_tokens)
        samples += write(
            learner.model,
            lesson.tokenizer,
            lesson.prompt,
            [None] * count,
            sampling=sampling,
            seed=learner.recipe.seed + 1,
            place=learner.place,
        )
    return samples


def load_best(path: Path, weights: dict[str, torch.nn.Parameter]) -> None:
    """Put the kept weights back into the model."""
    for name, tensor in load_file(path).items():
        weights[name].data.copy_(tensor)


def convert(model: Any, lesson: Lesson, scratch: Path, out: Path) -> None:
    """Merge and convert for CTranslate2, the engine that a talking bot uses."""
    from generation.engines.ctranslate import convert as to_ctranslate

    shutil.rmtree(scratch, ignore_errors=True)
    save_merged(model, lesson.tokenizer, lesson.prompt, scratch)
    shutil.rmtree(out, ignore_errors=True)
    to_ctranslate(scratch, out)
    shutil.rmtree(scratch)


def _save_samples(samples: list[Sample], path: Path) -> None:
    path.write_text("".join(json.dumps(asdict(sample), ensure_ascii=False) + "\n" for sample in samples), "utf-8")
