"""Any heap of posts in, a clean corpus out: open, sniff, read, clean, drop repeats; every drop counted.

Rows stream to an unlinked temporary file while they are read, so memory does not grow with the corpus but for a few
bytes a row.
"""

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from finetune.corpus.clean import clean, why_not
from finetune.corpus.duplicates import Duplicates
from finetune.corpus.encoding import HEAD
from finetune.corpus.options import FEW_CHARACTERS, Progress, ProgressCallback, ReadOptions
from finetune.corpus.readers.base import Input, Records, Skipped
from finetune.corpus.row import Drop, Row, Sniffed
from finetune.corpus.sniff import recognise
from finetune.corpus.sources import DEEPEST, Member, Meter, Tree, open_path, packing, unpack
from finetune.corpus.spool import Picked, Spool
from finetune.errors import EmptyCorpus, TooLittleText

DropCallback = Callable[[Drop], None]
_TELL_EVERY = 1_000  # records between two progress calls


@dataclass(frozen=True, slots=True)
class Source:
    """A path the corpus was read from."""

    path: str
    size: int  # bytes
    sha256: str  # of the file; of a folder, of its files' hashes in name order


@dataclass(frozen=True, slots=True)
class Corpus:
    """Clean rows, and the whole account of how they came about."""

    rows: Sequence[Row]
    drops: Counter[str]  # reason → how many
    sniffed: tuple[Sniffed, ...]
    sources: tuple[Source, ...]
    options: ReadOptions
    seen: int  # records met, dropped ones included
    characters: int  # of all rows
    sha256: str  # of the rows' texts in order: the corpus's identity

    @property
    def warnings(self) -> list[str]:
        """What a person should know before training on it, one sentence each."""
        told = [f"{found.source}: {note}." for found in self.sniffed for note in found.notes]
        if self.characters < FEW_CHARACTERS:
            told.append(
                f"There are {self.characters:,} characters of text; under {FEW_CHARACTERS:,} a model soon recites its "
                "corpus. Add posts, or train briefly and watch the copy rate."
            )
        return told

    def require_enough(self) -> None:
        """Refuse a corpus that is too small.

        Raises:
            TooLittleText: it has fewer characters than `options.least_characters`.
        """
        if self.characters < self.options.least_characters:
            raise TooLittleText(
                f"The corpus has {self.characters:,} characters in {len(self.rows):,} posts; a voice needs at least "
                f"{self.options.least_characters:,}. Add more posts."
            )


def read(
    paths: Sequence[Path],
    options: ReadOptions | None = None,
    *,
    progress: ProgressCallback | None = None,
    dropped: DropCallback | None = None,
) -> Corpus:
    """Read, clean and deduplicate the posts in some files, folders or archives.

    `progress` hears about "reading" (bytes of the paths) and "duplicates" (passes); `dropped` gets every row left out.

    Raises:
        CorpusError: one of its kinds; the text is one sentence for people.
    """
    return _Reading(options or ReadOptions(), progress or (lambda step: None), dropped or (lambda drop: None)).run(
        paths
    )


class _Reading:
    """One run of :func:`read`: what is collected on the way."""

    def __init__(self, options: ReadOptions, progress: ProgressCallback, dropped: DropCallback) -> None:
        self._options, self._progress, self._dropped = options, progress, dropped
        self._spool = Spool()
        self._numbers = array("Q")  # of each spooled row: its record number within its source
        self._duplicates = Duplicates(near=None if options.keep_near_duplicates else options.near)
        self._drops: Counter[str] = Counter()
        self._sniffed: list[Sniffed] = []
        self._seen = 0
        self._meter = Meter()
        self._total = 0

    def run(self, paths: Sequence[Path]) -> Corpus:
        sources = tuple(_source(path) for path in paths if path.exists())
        self._total = sum(source.size for source in sources)
        for path in paths:
            notes: list[str] = []
            before = len(self._sniffed)
            self._tree(open_path(path, self._meter, partial(_once, notes)), notes, 0)
            if notes and len(self._sniffed) > before:
                last = self._sniffed[-1]
                self._sniffed[-1] = replace(last, notes=(*last.notes, *notes))
        rows = self._without_repeats()
        digest = hashlib.sha256()
        characters = 0
        for row in rows:
            digest.update(row.text.encode("utf-8", "surrogatepass") + b"\0")
            characters += len(row.text)
        corpus = Corpus(
            rows, self._drops, tuple(self._sniffed), sources, self._options, self._seen, characters, digest.hexdigest()
        )
        if not rows:
            raise EmptyCorpus(_why_empty(paths, corpus))
        corpus.require_enough()
        return corpus

    def _tree(self, tree: Tree, notes: list[str], depth: int) -> None:
        for member in tree.members:
            with member.open() as stream:
                head = stream.read(HEAD)
            kind = packing(head)
            if kind is not None and depth < DEEPEST:
                self._tree(unpack(member, kind, tree.allowance), notes, depth + 1)
            elif head:
                self._member(member, head, notes)

    def _member(self, member: Member, head: bytes, notes: list[str]) -> None:
        source = Input(member.label, member.open, self._options, partial(_once, notes))
        sniffed, records = recognise(source, head)
        self._sniffed.append(sniffed)
        self._take(member.label, records)

    def _take(self, label: str, records: Records) -> None:
        for number, record in enumerate(records, 1):
            self._seen += 1
            if self._seen % _TELL_EVERY == 0:
                self._progress(Progress("reading", min(self._meter.done, self._total), self._total, self._seen))
            if isinstance(record, Skipped):
                self._drop(record.reason, label, number, record.text)
                continue
            text = clean(record.text, self._options)
            if reason := why_not(text, self._options):
                self._drop(reason, label, number, record.text)
                continue
            self._spool.append(record.with_text(text))
            self._numbers.append(number)
            self._duplicates.add(text)

    def _drop(self, reason: str, source: str, number: int, text: str) -> None:
        self._drops[reason] += 1
        self._dropped(Drop(reason, source, number, text[: Drop.EXCERPT]))

    def _without_repeats(self) -> Picked:
        def told(done: int, total: int) -> None:
            self._progress(Progress("duplicates", done, total, self._seen))

        kept = np.ones(len(self._spool), dtype=bool)
        for place, _, reason in self._duplicates.find(self._spool, told):
            kept[place] = False
            row = self._spool[place]
            self._drop(reason, row.source, self._numbers[place], row.text)
        return Picked(self._spool, array("Q", np.flatnonzero(kept).astype(np.uint64).tobytes()))


def _once(notes: list[str], note: str) -> None:
    if note not in notes and len(notes) < 20:
        notes.append(note)


def _source(path: Path) -> Source:
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    digests = []
    for file in files:
        with file.open("rb") as stream:
            digests.append(hashlib.file_digest(stream, "sha256").hexdigest())
    whole = digests[0] if path.is_file() else hashlib.sha256("".join(digests).encode()).hexdigest()
    return Source(path.name, sum(file.stat().st_size for file in files), whole)


def _why_empty(paths: Sequence[Path], corpus: Corpus) -> str:
    named = ", ".join(path.name for path in paths)
    if not corpus.seen:
        return f"{named} holds no posts at all; check that it is the right file."
    column = next((found.text_column for found in corpus.sniffed if found.text_column), None)
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in corpus.drops.most_common(3))
    place = f" in its column {column!r}" if column else ""
    return f"No post of {named} can be used: of {corpus.seen:,}{place}, {reasons}."
