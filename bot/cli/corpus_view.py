"""What ``confess corpus`` shows."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from rich import box
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from bot.cli.console import console, errors, plain
from finetune.corpus import Corpus, Drop, ReadOptions, read
from finetune.corpus import Progress as Step
from finetune.corpus.audit import audit, check_categories
from finetune.corpus.card import describe, write
from finetune.corpus.findings import Audit
from finetune.corpus.forget import Forgotten
from finetune.corpus.options import FEW_CHARACTERS, LEAST_CHARACTERS
from finetune.corpus.row import shortened
from finetune.errors import NoRoom

_STAGES = {"reading": "Reading", "duplicates": "Looking for repeats", "judging": "Judging"}
_BAR = 28  # characters of the longest histogram bar


def check(
    paths: Sequence[Path],
    options: ReadOptions,
    *,
    audited: bool,
    dropped: Path | None,
    card: Path | None,
    consent: str,
    as_json: bool,
) -> None:
    """Read, audit when `audited`, and show.

    Raises:
        CorpusError: the corpus cannot be used, or is too small to learn from (told after everything was shown).
    """
    now = datetime.now(UTC)
    if audited:
        check_categories(options)
    with _listing(dropped) as listing, progress() as bars:

        def list_drop(drop: Drop) -> None:
            if listing is not None:
                with _no_room_means(dropped):
                    listing.write(drop.to_json() + "\n")

        corpus = read(paths, options, progress=bars, dropped=list_drop)
        if audited:
            corpus = audit(corpus, progress=bars, dropped=list_drop)
    if card is not None:
        write(card, corpus, consent=consent, now=now)
    if as_json:
        sys.stdout.write(json.dumps(describe(corpus, consent=consent, now=now), ensure_ascii=False) + "\n")
    elif dropped != Path("-"):
        _show(corpus)
    if card is not None:
        errors.print(plain(f"The data card is in {card}.", "dim"))
    corpus.require_enough(LEAST_CHARACTERS)


def forgotten(found: Forgotten) -> None:
    """Say what came of a wish to forget."""
    if not found.rows:
        console.print("No row matches; nothing was changed. Names must be whole, patterns are searched anywhere.")
        return
    lists = ", ".join(str(file) for file in found.files)
    console.print(plain(f"{found.rows:,} posts will not be read again: the rule stands in {lists}.", "green"))
    console.print("The corpus files themselves were not changed; delete them where the law asks for it.")
    if found.stale:
        names = ", ".join(found.stale)
        console.print(
            plain(f"These adapters learned such rows and are marked stale: {names}. Train them again.", "yellow")
        )
        console.print(
            "'confess finetune' with the same name and --fresh replaces one, and the rows that it still holds."
        )


@contextmanager
def _listing(target: Path | None) -> Iterator[TextIO | None]:
    """Where dropped rows are listed: nowhere, standard output, or a file."""
    if target is None:
        yield None
    elif target == Path("-"):
        yield sys.stdout
    else:
        with _no_room_means(target), target.open("w", encoding="utf-8") as file:
            yield file


@contextmanager
def _no_room_means(target: Path | None) -> Iterator[None]:
    """Say which file has no room, and leave no half of it; reading has a disk and a sentence of its own."""
    try:
        yield
    except OSError as error:
        if target is None or target == Path("-"):
            raise
        if target.is_file():
            target.unlink()
        raise NoRoom(f"{target} cannot be written ({error.strerror}); name another with --dropped.") from error


class _Bars:
    """One progress bar a stage, with rate and time left; drawn from the first step on."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, step: Step) -> None:
        self._progress.start()
        if step.stage not in self._tasks:
            self._tasks[step.stage] = self._progress.add_task(_STAGES[step.stage], total=step.total, rows="")
        task = self._tasks[step.stage]
        elapsed = self._progress.tasks[task].elapsed or 0.0
        rate = f"{step.rows:,} rows" + (f", {step.rows / elapsed:,.0f} a second" if elapsed > 1 else "")
        self._progress.update(task, completed=step.done, total=step.total, rows=rate)


@contextmanager
def progress() -> Iterator[_Bars]:
    """Bars on standard error for the long steps of reading; gone at the end."""
    words = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rows]}"))
    shown = Progress(*words, TimeElapsedColumn(), TimeRemainingColumn(), console=errors, transient=True)
    try:
        yield _Bars(shown)
    finally:
        if shown.tasks:
            shown.stop()


def _show(corpus: Corpus) -> None:
    for sniffed in corpus.sniffed[:20]:
        console.print(Text("● ", style="cyan") + plain(sniffed.source, "bold") + plain(f"  {sniffed.detail}"))
    if len(corpus.sniffed) > 20:
        console.print(f"  and {len(corpus.sniffed) - 20:,} more files")
    console.print()
    for row in corpus.examples():
        console.print(Text("  │ ", style="dim") + plain(shortened(row.text)))
    kept = f"{len(corpus.rows):,} posts kept of {corpus.seen:,} records, {corpus.characters:,} characters"
    console.print()
    console.print(plain(kept, "bold"))
    if corpus.drops:
        console.print(_bars("left out because", dict(corpus.drops.most_common())))
    if corpus.audit is not None:
        _show_audit(corpus.audit)
    for warning in corpus.warnings:
        console.print(plain(f"! {warning}", "yellow"))
    if corpus.characters >= FEW_CHARACTERS:
        console.print(plain("✓ Enough to learn from. Next: confess finetune with the same files.", "green"))


def _show_audit(found: Audit) -> None:
    table = Table("found", "rows", "share", "what is done", "for example", box=box.SIMPLE_HEAD, padding=(0, 1))
    for category, each in found.findings.items():
        share = f"{each.rows / max(1, found.judged):.1%}"
        example = plain(shortened(each.examples[0], 40))
        table.add_row(plain(category), f"{each.rows:,}", share, each.action.value, example)
    if found.findings:
        console.print(table)
        console.print("Choose with --keep, --scrub or --drop and the category's name.", style="dim")
    else:
        console.print("The gate found nothing to remark in any row.", style="green")
    if found.several >= 0.05:
        share = f"{found.several:.0%} of the rows look like several posts in one; try --format blocks or lines."
        console.print(plain(f"! {share}", "yellow"))
    console.print(_bars("characters", found.lengths))
    words = found.vocabulary
    console.print(f"{words.words:,} words, {words.distinct:,} different ones")
    console.print(_bars("words standing in it", words.frequencies))


def _bars(title: str, counts: Mapping[str, int]) -> Table:
    """A small histogram."""
    most = max(counts.values(), default=0) or 1
    table = Table(title, "", "", box=box.SIMPLE_HEAD, padding=(0, 1))
    table.columns[1].justify = "right"
    filled = [place for place, count in enumerate(counts.values()) if count]
    for name, count in list(counts.items())[filled[0] if filled else 0 : filled[-1] + 1 if filled else 0]:
        table.add_row(plain(name), f"{count:,}", Text("▇" * -(-count * _BAR // most), style="cyan"))
    return table
