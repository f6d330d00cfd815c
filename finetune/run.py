"""One function: rows in, an adapter folder out."""

import contextlib
import math
import shutil
import signal
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from finetune.base import resolve_base
from finetune.checks import judge
from finetune.corpus import Progress as Reading
from finetune.corpus import ReadOptions, read
from finetune.device import choose_place
from finetune.finish import finish
from finetune.learner import Learner
from finetune.lesson import Lesson, prepare
from finetune.progress import Progress, Update, silent
from finetune.recipe import Recipe
from finetune.sample import write
from finetune.team import Team
from finetune.train import train
from finetune.workspace import check_name, publish, workspace
from generation.adapter import Adapter, open_adapter
from generation.sampling import Sampling
from moderation.echo import EchoError, EchoIndex


def finetune(
    corpus_path: Path | Sequence[Path],
    recipe: Recipe,
    out_root: Path,
    *,
    name: str,
    progress: Progress = silent,
    options: ReadOptions | None = None,
    consent: str = "",
    fresh: bool = False,
    stop: threading.Event | None = None,
    now: datetime | None = None,
) -> Adapter:
    """Teach a base the voice of a corpus.

    Everything unfinished stands in ``out_root/.NAME.training``; the same call goes on from there after a kill.

    Args:
        corpus_path: a file or folder that :mod:`finetune.corpus` can read, or several.
        recipe: the settings.
        out_root: the adapter becomes ``out_root/name``.
        name: of the adapter.
        progress: hears what is going on.
        options: how the corpus is read.
        consent: what the authors of the posts said, for the data card.
        fresh: start over, replacing an adapter or an unfinished run of that name.
        stop: set it to stop after the step at hand; Ctrl-C does so too when this is the main thread.
        now: the time that goes into the card.

    Raises:
        FinetuneError: one of its kinds; the text is one sentence for people.
    """
    final = check_name(name, out_root, fresh)
    stop = stop or threading.Event()
    paths = [corpus_path] if isinstance(corpus_path, Path) else list(corpus_path)
    with _ctrl_c_sets(stop):
        team = Team.join()
        base, place = resolve_base(recipe.base), choose_place(recipe)
        corpus = read(paths, options, progress=_reading(progress))
        corpus.require_enough()
        for warning in corpus.warnings:
            progress(Update("read", note=warning))
        identity = {"corpus": corpus.sha256, "base": base.hash, "recipe": recipe.fingerprint}
        with workspace(out_root, name, identity, fresh=fresh) as work:
            progress(Update("base", note=f"{base.name} on {place.name}, {len(corpus.rows):,} posts"))
            lesson = prepare(corpus, base, recipe, place, team, work, progress)
            echo = _echo(lesson, work / "adapter" / "echo")
            before = held_out_loss(lesson)
            progress(Update("base", note=f"held-out loss before training: {before['loss']:.3f} nats a token"))
            look = _looker(lesson, echo, recipe, progress)
            story = train(lesson.learner, lesson.rows, recipe, work, look, progress=progress, stop=stop)
            folder = finish(
                work,
                lesson,
                corpus,
                base,
                before,
                story,
                echo,
                name=name,
                consent=consent,
                now=now or datetime.now(UTC),
                progress=progress,
            )
            publish(folder, final)
        shutil.rmtree(work, ignore_errors=True)
    return open_adapter(final)


def held_out_loss(lesson: Lesson) -> dict[str, float]:
    """Loss on the held-out posts: nats a token, and bits a byte of their text (ends of text count as loss)."""
    nats, labels = lesson.learner.measure(list(lesson.held_rows.all()))
    return {"loss": nats / labels, "bits_per_byte": nats / math.log(2) / lesson.bytes_held_out}


def _looker(lesson: Lesson, echo: EchoIndex, recipe: Recipe, progress: Progress) -> Any:
    real = [row.text for row in lesson.train[:2000]]

    def look(learner: Learner, epoch: float) -> dict[str, Any]:
        progress(Update("check", note=None))
        found: dict[str, Any] = held_out_loss(lesson)
        samples = write(
            learner.model,
            lesson.tokenizer,
            lesson.prompt,
            [None] * recipe.samples,
            sampling=Sampling(max_tokens=recipe.max_tokens),
            seed=recipe.seed,
            place=learner.place,
        )
        found |= judge(samples, echo, real)
        for sample in [sample for sample in samples if sample.stopped][:1]:
            progress(Update("check", sample=sample.text))
        progress(
            Update(
                "check",
                note=f"epoch {epoch:.1f}: held-out loss {found['loss']:.3f}, "
                f"{found['copied']:.0%} of samples copied, {found['stopped']:.0%} stopped by themselves",
            )
        )
        return found

    return look


def _echo(lesson: Lesson, folder: Path) -> EchoIndex:
    """The index of the training rows, built once for each run."""
    try:
        return EchoIndex.open(folder)
    except EchoError:
        EchoIndex.build((row.text for row in lesson.train), folder)
        return EchoIndex.open(folder)


def _reading(progress: Progress) -> Any:
    def tell(step: Reading) -> None:
        progress(Update("read", step.done, step.total))

    return tell


@contextlib.contextmanager
def _ctrl_c_sets(stop: threading.Event) -> Iterator[None]:
    """The first Ctrl-C asks to stop after the step at hand; a second one stops at once, as ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: Any) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
