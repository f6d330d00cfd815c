"""What a person sees while an adapter is trained, and at its end."""

from types import TracebackType
from typing import Any, Self

from rich import box
from rich.panel import Panel
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from bot.cli.console import console, plain
from finetune.progress import Update
from generation.adapter import Adapter

WORDS = {
    "read": "Reading the posts",
    "base": "Loading the base",
    "tokens": "Counting tokens",
    "compile": "Compiling",
    "train": "Learning",
    "check": "Looking at itself",
    "save": "Writing the adapter",
}
STOPPED_ENOUGH = 0.99


class Show:
    """Draws the updates of a run: a bar for each stage, remarks and fresh posts above it."""

    def __init__(self) -> None:
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def update(self, update: Update) -> None:
        """Show one update. Samples are untrusted text."""
        task = self._tasks.get(update.stage)
        if task is None:
            for earlier in self._tasks.values():
                self._bars.update(earlier, visible=False)
            task = self._bars.add_task(WORDS.get(update.stage, update.stage), total=None, detail="")
            self._tasks[update.stage] = task
        for stage, other in self._tasks.items():
            self._bars.update(other, visible=stage == update.stage)
        if update.total is not None:
            self._bars.update(task, completed=update.step, total=update.total, detail=_detail(update))
        if update.note:
            self._bars.console.print(Text("  ") + plain(update.note, "dim"))
        if update.sample:
            self._bars.console.print(
                Panel(plain(update.sample), box=box.ROUNDED, border_style="cyan", title="a post", title_align="left")
            )


def _detail(update: Update) -> str:
    parts = []
    if update.loss is not None:
        parts.append(f"loss {update.loss:.3f}")
    if update.tokens_per_second is not None:
        parts.append(f"{update.tokens_per_second:,.0f} tokens/s")
    if update.seconds_left is not None:
        minutes, seconds = divmod(round(update.seconds_left), 60)
        parts.append(f"{minutes}:{seconds:02d} left")
    return " · ".join(parts)


def summary(adapter: Adapter) -> None:
    """What came of it, and what to type next."""
    metrics: Any = adapter.card.metrics
    before, after, samples = metrics["before"], metrics["after"], metrics["samples"]
    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"{adapter.name}: learned from {adapter.card.data['rows']:,} posts",
        title_style="bold",
    )
    for heading in ("", "before", "after"):
        table.add_column(heading, justify="left" if not heading else "right")
    table.add_row("held-out loss, nats a token", f"{before['loss']:.3f}", f"{after['loss']:.3f}")
    table.add_row("held-out, bits a byte", f"{before['bits_per_byte']:.3f}", f"{after['bits_per_byte']:.3f}")
    table.add_row("samples that copy a post", "", f"{samples['copied']:.1%}")
    if metrics["topics"]:
        table.add_row("posts that name the topic asked for", "", f"{metrics['topics']['followed']:.0%}")
    stopped = Text(f"{samples['stopped']:.1%}", style="" if samples["stopped"] >= STOPPED_ENOUGH else "bold red")
    table.add_row("samples that end by themselves", "", stopped)
    console.print(table)
    if samples["stopped"] < STOPPED_ENOUGH:
        advice = "the rest is thrown away: train longer, or raise max_tokens."
        console.print(Text(f"Fewer than 99 % of its posts end by themselves; {advice}", "bold red"))
    console.print(Text(f"The adapter is in {adapter.folder}; its report is {adapter.folder / 'report.html'}.", "dim"))
    console.print(Text.assemble("Hear it: ", (f"confess say --adapter {adapter.name}", "bold cyan")))
