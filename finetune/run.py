"""One function: rows in, an adapter folder out."""

import contextlib
import math
import shutil
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from finetune.base import resolve_base
from finetune.checks import judge
from finetune.corpus import Corpus, ReadOptions, read
from finetune.corpus import Progress as Reading
from finetune.corpus.audit import audit, check_categories
from finetune.device import choose_place
from finetune.finish import Finished, finish
from finetune.learner import Learner
from finetune.lesson import Lesson, prepare
from finetune.progress import Progress, Update, silent
from finetune.recipe import Recipe
from finetune.sample import write
from finetune.team import Team
from finetune.train import Look, train
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
        options: how the corpus is read, and what is done with rows in which the audit finds something.
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
    options = options or ReadOptions()
    with _ctrl_c_sets(stop):
        team = Team.join()
        progress = progress if team.leads else silent
        check_categories(options)
        base, place = resolve_base(recipe.base), choose_place(recipe)
        corpus = _corpus(paths, options, progress)
        identity = {**recipe.to_json(), **options.flags(), "corpus": corpus.sha256, "base": base.hash}
        with workspace(out_root, name, identity, fresh=fresh, team=team) as work:
            progress(Update("base", note=f"{base.name} on {place.name}, {len(corpus.rows):,} posts"))
            lesson = prepare(corpus, base, recipe, place, team, work, progress)
            echo = _echo(lesson, work / "adapter" / "echo") if team.leads else None
            before = held_out_loss(lesson)
            progress(Update("base", note=f"held-out loss before training: {before['loss']:.3f} nats a token"))
            look = _looker(lesson, echo, progress)
            story = train(lesson.learner, lesson.rows, recipe, work, look, progress=progress, stop=stop)
            if echo is not None:
                when = now or datetime.now(UTC)
                run = Finished(lesson, corpus, base, before, story, echo, name, consent, when)
                publish(finish(run, work, progress), final)
        if team.leads:
            shutil.rmtree(work, ignore_errors=True)
        team.wait()
    return open_adapter(final)


def _corpus(paths: Sequence[Path], options: ReadOptions, progress: Progress) -> Corpus:
    """Read and audit, and tell what came of it."""
    lenient = replace(options, least_characters=0)  # too little text is said after what became of it
    corpus = audit(read(paths, lenient, progress=_reading(progress)), progress=_reading(progress))
    corpus = replace(corpus, options=options)
    for line in [*corpus.account, *corpus.warnings]:
        progress(Update("read", note=line))
    corpus.require_enough()
    return corpus


def held_out_loss(lesson: Lesson) -> dict[str, float]:
    """Loss on the held-out posts: nats a token, and bits a byte of their text (ends of text count as loss)."""
    nats, labels = lesson.learner.measure(list(lesson.held_rows.all()))
    return {"loss": nats / labels, "bits_per_byte": nats / math.log(2) / lesson.bytes_held_out}


def _looker(lesson: Lesson, echo: EchoIndex | None, progress: Progress) -> Look:
    """What the run does when it looks at itself; only the leading process, which has the echo index, is asked."""
    real = [row.text for row in lesson.train[:2000]]

    def look(learner: Learner, epoch: float) -> dict[str, Any]:
        assert echo is not None
        recipe = learner.recipe
        progress(Update("check"))
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
        fresh = next((sample.text for sample in samples if sample.stopped), None)
        told = (
            f"epoch {epoch:.1f}: held-out loss {found['loss']:.3f}, {found['copied']:.0%} of its posts copied, "
            f"{found['stopped']:.0%} ended by themselves"
        )
        progress(Update("check", sample=fresh, note=told))
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
