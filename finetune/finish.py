"""The last part of a run: best weights, merged and converted model, samples, data card, and the card last."""

import json
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from finetune.authors import write_authors
from finetune.base import Base
from finetune.checks import best, judge
from finetune.corpus import Corpus
from finetune.corpus import card as data_card
from finetune.export import save_merged
from finetune.lesson import Lesson
from finetune.progress import Progress, Update
from finetune.report import write_report
from finetune.sample import Sample, write
from finetune.topics import topic_for
from finetune.train import BEST, Story
from generation.adapter import Card, save_card
from generation.prompt import names_topic
from generation.sampling import Sampling
from moderation.echo import EchoIndex

LIBRARIES = ("confessional", "torch", "transformers", "peft", "ctranslate2")
TEMPERATURES = (0.7, 0.9, 1.1)  # the middle one is what generation uses
SHOWN = 20  # posts of each in the report


@dataclass(frozen=True, slots=True)
class Finished:
    """A run whose training is over: all that its adapter folder is made of."""

    lesson: Lesson
    corpus: Corpus
    base: Base
    before: dict[str, float]  # held-out loss and bits a byte
    story: Story
    echo: EchoIndex
    name: str
    consent: str
    now: datetime


def finish(run: Finished, work: Path, progress: Progress) -> Path:
    """Make the adapter folder inside the work folder and return it; its card is written last."""
    lesson, story, echo, base = run.lesson, run.story, run.echo, run.base
    learner = lesson.learner
    recipe = learner.recipe
    folder, model, texts = work / "adapter", learner.model, [row.text for row in lesson.train[:2000]]
    load_best(work / BEST, learner.weights)
    chosen = best(story.checks, recipe.max_copy)
    progress(Update("save", 0, 4, note=f"keeping the weights of step {chosen.step}"))
    plain, themed = final_samples(lesson)
    usual = [sample for sample in plain if sample.temperature == Sampling().temperature]
    metrics: dict[str, Any] = {
        "before": run.before,
        "after": {"loss": chosen.loss, "bits_per_byte": chosen.bits_per_byte},
        "samples": judge(usual, echo, texts),
        "topics": _topics_followed(themed, usual),
        "chosen_step": chosen.step,
        "steps": len(story.losses),
        "stopped_early": story.stopped_early,
        "seconds": round(story.seconds, 1),
        "tokens": story.tokens,
        "losses": story.losses,
        "checks": [check.to_json() for check in story.checks],
    }
    progress(Update("save", 1, 4))
    model.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's form, of which nothing is filled in
    lesson.tokenizer.save_pretrained(folder)
    lesson.prompt.save(folder)
    data = data_card.write(folder, run.corpus, consent=run.consent, now=run.now)
    write_authors(folder, run.corpus)
    lines = [json.dumps(asdict(sample), ensure_ascii=False) + "\n" for sample in [*plain, *themed]]
    (folder / "samples.jsonl").write_text("".join(lines), encoding="utf-8")
    progress(Update("save", 2, 4))
    engine_why = convert(model, lesson, work / "merged", folder / "ctranslate2")
    progress(Update("save", 3, 4, note=engine_why or None))
    versions = {library: version(library) for library in LIBRARIES}
    settled = asdict(learner.size)
    write_report(
        folder / "report.html",
        name=run.name,
        base=base.name,
        recipe=recipe,
        settled=settled,
        metrics=metrics,
        data=data,
        versions=versions,
        samples=[*(s for t in TEMPERATURES for s in [p for p in plain if p.temperature == t][:SHOWN]), *themed],
        rows=texts,
        echo=echo,
        command=command(run),
    )
    card = Card(
        name=run.name,
        base=base.name,
        base_hash=base.hash,
        architecture=type(model.get_base_model()).__name__,
        created_at=run.now,
        engine="transformers" if engine_why else "ctranslate2",
        engine_why=engine_why,
        recipe=recipe.to_json() | {"settled": settled},
        data={
            "rows": len(run.corpus.rows),
            "held_out": len(lesson.held_out),
            "sha256": run.corpus.sha256,
            "too_long": lesson.too_long,
        },
        metrics=metrics,
        versions=versions,
    )
    save_card(folder, card)
    progress(Update("save", 4, 4))
    return folder


def command(run: Finished) -> str:
    """What to type to make this adapter again, where the sources and the report's recipe are."""
    words = ["confess", "finetune", *(source.path for source in run.corpus.sources), "--name", run.name]
    for flag, values in run.corpus.options.flags().items():
        words += [f"{flag}={value}" for value in values] or [flag]
    if run.consent:
        words += ["--consent", run.consent]
    return shlex.join([*words, "--recipe", "recipe.toml"])


def final_samples(lesson: Lesson) -> tuple[list[Sample], list[Sample]]:
    """Posts at three temperatures, most at the usual one; and posts that were asked for a topic."""
    learner, recipe = lesson.learner, lesson.learner.recipe

    def written(topics: Sequence[str | None], temperature: float) -> list[Sample]:
        return write(
            learner.model,
            lesson.tokenizer,
            lesson.prompt,
            topics,
            sampling=Sampling(temperature=temperature, max_tokens=recipe.max_tokens),
            seed=recipe.seed + 1,
            place=learner.place,
        )

    usual = Sampling().temperature
    plain: list[Sample] = []
    for temperature in TEMPERATURES:
        count = max(SHOWN, 2 * recipe.samples) if temperature == usual else SHOWN
        plain += written([None] * count, temperature)
    if not recipe.topics:
        return plain, []
    asked = [topic_for(row.text, share=1.0, seed=recipe.seed) for row in lesson.held_out]
    return plain, written([topic for topic in asked if topic][: max(8, recipe.samples)], usual)


def _topics_followed(themed: list[Sample], plain: list[Sample]) -> dict[str, float] | None:
    """Share of asked-for topics that the post names, and how often a post that was not asked does by chance."""
    if not themed:
        return None
    topics = [sample.topic or "" for sample in themed]
    followed = sum(names_topic(sample.text, topic) for sample, topic in zip(themed, topics, strict=True))
    others = [plain[i % len(plain)].text for i in range(len(themed))]
    chance = sum(names_topic(text, topic) for text, topic in zip(others, topics, strict=True))
    return {"asked": len(themed), "followed": followed / len(themed), "by_chance": chance / len(themed)}


def load_best(path: Path, weights: dict[str, torch.nn.Parameter]) -> None:
    """Put the kept weights back into the model."""
    for name, tensor in load_file(path).items():
        weights[name].data.copy_(tensor)


def convert(model: Any, lesson: Lesson, scratch: Path, out: Path) -> str:
    """Merge and convert for CTranslate2, the engine that a talking bot uses.

    Returns:
        Why not, when CTranslate2 does not know the architecture; the transformers engine speaks then. Else nothing.
    """
    from generation.engines.ctranslate import convert as to_ctranslate
    from generation.errors import EngineUnavailable

    shutil.rmtree(scratch, ignore_errors=True)
    save_merged(model, lesson.tokenizer, lesson.prompt, scratch)
    shutil.rmtree(out, ignore_errors=True)
    try:
        to_ctranslate(scratch, out)
    except EngineUnavailable as error:
        return str(error)
    finally:
        shutil.rmtree(scratch)
    return ""
