"""The loop: steps, looks at itself, a state on disk that a killed run goes on from, and an end it finds by itself."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finetune.checks import Check, past_best, preference
from finetune.errors import Interrupted
from finetune.learner import Learner, write_tensors
from finetune.progress import Progress, Update
from finetune.recipe import Recipe
from finetune.tokens import Batch, Example, collate

STATE = "state.safetensors"
BEST = "best.safetensors"
SAVE_SECONDS = 60.0  # a killed run loses no more than this


@dataclass(frozen=True)
class Rows:
    """Packed rows and how they are dealt out to steps."""

    examples: Sequence[Example]
    packed: Sequence[Sequence[int]]  # indices of the examples of each row
    row_tokens: int
    rows_per_step: int  # in the whole team
    rows_at_once: int
    pad: int
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in which every row is seen once."""
        return max(1, -(-len(self.packed) // self.rows_per_step))

    def of_step(self, step: int, rank: int, size: int) -> list[Batch]:
        """The batches that one process handles in a step; the order of the rows changes with each epoch.

        Every batch has the same shape: rows that are missing at an epoch's end are empty.
        """
        epoch, within = divmod(step, self.steps_per_epoch)
        order = list(range(len(self.packed)))
        random.Random(f"{self.seed}/{epoch}").shuffle(order)
        mine = order[within * self.rows_per_step : (within + 1) * self.rows_per_step][rank::size]
        return list(self._batches([self.packed[i] for i in mine]))

    def all(self) -> Iterator[Batch]:
        """Every row once, in order."""
        return self._batches(self.packed)

    def _batches(self, rows: Sequence[Sequence[int]]) -> Iterator[Batch]:
        for start in range(0, max(1, len(rows)), self.rows_at_once):
            chosen = [[self.examples[i] for i in row] for row in rows[start : start + self.rows_at_once]]
            chosen += [[]] * (self.rows_at_once - len(chosen))
            yield collate(chosen, self.row_tokens, self.pad)


@dataclass
class Story:
    """What happened so far; saved with the state."""

    losses: list[float] = field(default_factory=list)  # of each step, nats a token
    checks: list[Check] = field(default_factory=list)
    seconds: float = 0.0  # of training, checks included
    tokens: int = 0  # real ones
    stopped_early: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain dict; :meth:`from_json` reads it back."""
        return vars(self) | {"checks": [check.to_json() for check in self.checks]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Story":
        """The story that :meth:`to_json` wrote."""
        known = {key: data[key] for key in ("losses", "seconds", "tokens", "stopped_early")}
        return cls(**known, checks=[Check.from_json(check) for check in data["checks"]])


Look = Callable[[Learner, float], dict[str, Any]]  # (learner, epoch) → the fields of a Check it measures


def train(
    learner: Learner,
    rows: Rows,
    recipe: Recipe,
    work: Path,
    look: Look,
    *,
    progress: Progress,
    stop: threading.Event,
) -> Story:
    """Train to the end, or to the point where the held-out loss no longer falls.

    Goes on from ``work/state.safetensors`` when there is one, exactly: weights, optimiser, randomness, order of rows.
    The weights that the rule of :func:`finetune.checks.preference` likes best are in ``work/best.safetensors``.

    Raises:
        Interrupted: ``stop`` was set; the state is saved.
        TrainingDiverged: the loss is no longer a number.
    """
    story = Story()
    if (work / STATE).exists():
        story = Story.from_json(learner.load(work / STATE))
    every = max(1, rows.steps_per_epoch // recipe.checks_per_epoch)
    total = learner.total_steps
    clock = _Clock(story)
    saved = time.monotonic()
    while learner.step_number < total and not story.stopped_early:
        batches = rows.of_step(learner.step_number, learner.team.rank, learner.team.size)
        story.losses.append(learner.step(batches))
        story.tokens += sum(batch.real for batch in batches) * learner.team.size
        done = learner.step_number
        progress(clock.update(done, total, sum(batch.real for batch in batches) * learner.team.size))
        due = done % every == 0 or done == total
        if due:
            _check(learner, story, rows, recipe, work, look, min(every, done))
            clock.pause()
        stopping = learner.team.any(stop.is_set())
        if learner.team.leads and (due or stopping or time.monotonic() - saved > SAVE_SECONDS):
            learner.save(work / STATE, clock.finished().to_json())
            saved = time.monotonic()
        if stopping and done < total and not story.stopped_early:
            raise Interrupted(f"Stopped at step {done} of {total}; everything is saved, the same command goes on.")
    return clock.finished()


def _check(learner: Learner, story: Story, rows: Rows, recipe: Recipe, work: Path, look: Look, since: int) -> None:
    """Look at the model, remember it, and keep its weights if the rule likes them best."""
    epoch = learner.step_number / rows.steps_per_epoch
    train_loss = sum(story.losses[-since:]) / since
    check = Check(
        step=learner.step_number, epoch=epoch, train_loss=train_loss, **learner.team.share(lambda: look(learner, epoch))
    )
    liked = min((preference(other, recipe.max_copy) for other in story.checks), default=None)
    if learner.team.leads and (liked is None or preference(check, recipe.max_copy) < liked):
        write_tensors(work / BEST, dict(learner.weights), {"step": check.step})
    story.checks.append(check)
    story.stopped_early = past_best(story.checks, recipe.patience)


class _Clock:
    """Speed over the last steps, time left, and the time spent in earlier processes of the same run."""

    def __init__(self, story: Story) -> None:
        self._story, self._before, self._start = story, story.seconds, time.monotonic()
        self._last, self._marks = time.monotonic(), list[tuple[float, int]]()

    def update(self, done: int, total: int, tokens: int) -> Update:
        now = time.monotonic()
        self._marks = [*self._marks, (now - self._last, tokens)][-20:]
        self._last = now
        seconds = sum(mark for mark, _ in self._marks)
        recent = self._story.losses[-20:]
        return Update(
            "train",
            done,
            total,
            loss=sum(recent) / len(recent),
            tokens_per_second=sum(count for _, count in self._marks) / max(seconds, 1e-9),
            seconds_left=(total - done) * seconds / len(self._marks),
        )

    def pause(self) -> None:
        """Do not count what happened since the last step as training speed."""
        self._last = time.monotonic()

    def finished(self) -> Story:
        self._story.seconds = self._before + time.monotonic() - self._start
        return self._story
