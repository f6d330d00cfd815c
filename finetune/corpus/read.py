"""Any heap of posts in, a clean corpus out: open, sniff, read, clean, drop repeats; every drop counted.

Rows stream to an unlinked temporary file while they are read, so memory does not grow with the corpus but for a few
bytes a row.
"""

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from finetune.corpus.clean import clean, every_form, why_not
from finetune.corpus.duplicates import Duplicates
from finetune.corpus.encoding import HEAD
from finetune.corpus.findings import Audit
from finetune.corpus.language import is_foreign
from finetune.corpus.layouts import may_hold_posts, recognise_tree
from finetune.corpus.options import FEW_CHARACTERS, Progress, ProgressCallback, ReadOptions
from finetune.corpus.readers.base import Input, Records, Skipped
from finetune.corpus.room import explained
from finetune.corpus.row import Drop, Row, Sniffed, shortened
from finetune.corpus.rules import Rule, author_key, rules_for
from finetune.corpus.sniff import recognise
from finetune.corpus.sources import DEEPEST, Member, Meter, Tree, open_path, packing, unpack
from finetune.corpus.spool import Picked, Spool
from finetune.corpus.strays import stray
from finetune.errors import CorpusError, EmptyCorpus, NoTextColumn, TooLittleText, UnreadableCorpus

DropCallback = Callable[[Drop], None]
RowCallback = Callable[[Row], None]
_TELL_EVERY = 1_000  # records between two progress calls
MOST_NOTES = 10  # remarks kept of one source
MOST_TOLD = 5  # sources named in an account


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
    sha256: str  # of the rows' 64-bit hashes in order: the corpus's identity
    audit: Audit | None = None  # what :func:`finetune.corpus.audit.audit` found in it

    @property
    def account(self) -> list[str]:
        """What came of the reading, a line each: the files, five rows, what was left out, what the audit did."""
        told = [f"{found.source}: {found.detail}" for found in self.sniffed[:MOST_TOLD]]
        if len(self.sniffed) > MOST_TOLD:
            told.append(f"and {len(self.sniffed) - MOST_TOLD:,} more files")
        told += [f"│ {shortened(row.text)}" for row in self.examples()]
        drops = ", ".join(f"{count:,} {reason}" for reason, count in self.drops.most_common())
        told.append(f"{len(self.rows):,} posts kept of {self.seen:,}" + (f"; left out: {drops}" if drops else ""))
        if self.audit is not None and self.audit.findings:
            found = ", ".join(f"{each.rows:,} {name} ({each.action})" for name, each in self.audit.findings.items())
            told.append(f"The gate found {found}")
        return told

    def examples(self, count: int = 5) -> list[Row]:
        """Some rows, spread over the corpus."""
        step = max(1, len(self.rows) // count)
        return [self.rows[place] for place in range(0, min(len(self.rows), step * count), step)]

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

    def require_enough(self, least: int | None = None) -> None:
        """Refuse a corpus that is too small.

        Raises:
            TooLittleText: it has fewer characters than `least`, or than `options.least_characters`.
        """
        wanted = self.options.least_characters if least is None else least
        if self.characters < wanted:
            out = ", ".join(f"{count:,} {reason}" for reason, count in self.drops.most_common(3))
            raise TooLittleText(
                f"The corpus has {self.characters:,} characters of text; a voice needs at least {wanted:,}. It kept "
                f"{len(self.rows):,} of {self.seen:,} rows" + (f" ({out})" if out else "") + "; add posts."
            )


def read(
    paths: Sequence[Path],
    options: ReadOptions | None = None,
    *,
    progress: ProgressCallback | None = None,
    dropped: DropCallback | None = None,
    met: RowCallback | None = None,
) -> Corpus:
    """Read, clean and deduplicate the posts in some files, folders or archives.

    `progress` hears about "reading" (bytes of the paths) and "duplicates" (passes); `dropped` gets every row left out;
    `met` gets every row as it came, before anything is decided.

    Raises:
        CorpusError: one of its kinds; the text is one sentence for people.
        NoRoom: the temporary folder, where the rows wait, is full.
    """
    with explained():
        return _Reading(options or ReadOptions(), progress or (lambda step: None), dropped, met).run(paths)


class _Reading:
    """One run of :func:`read`: what is collected on the way."""

    def __init__(
        self,
        options: ReadOptions,
        progress: ProgressCallback,
        dropped: DropCallback | None,
        met: RowCallback | None,
    ) -> None:
        self._options, self._progress, self._dropped, self._met = options, progress, dropped, met
        self._spool = Spool()
        self._numbers = array("Q")  # of each spooled row: its record number within its source
        self._duplicates = Duplicates(near=None if options.keep_near_duplicates else options.near)
        self._drops: Counter[str] = Counter()
        self._sniffed: list[Sniffed] = []
        self._seen = 0
        self._authors = {author_key(author) for author in options.authors}
        self._too_long = 4 * options.longest + 10_000  # characters that no cleaning brings down to `longest`
        self._languages = frozenset(options.languages)
        self._rules: list[Rule] = []  # what the path being read shall forget
        self._notes: list[str] = []
        self._refused: list[CorpusError] = []
        self._meter = Meter()
        self._total = 0

    def run(self, paths: Sequence[Path]) -> Corpus:
        sources = tuple(_source(path) for path in paths if path.exists())
        self._total = sum(source.size for source in sources)
        for path in paths:
            self._rules = rules_for(path)
            self._tree(open_path(path, self._meter, self._note), 0)
        if self._refused and not self._seen:
            raise self._refused[0]
        places = self._without_repeats()
        rows = Picked(self._spool, places)
        corpus = Corpus(
            rows, self._drops, tuple(self._sniffed), sources, self._options, self._seen, *self._spool.measure(places)
        )
        if not rows:
            raise EmptyCorpus(_why_empty(paths, corpus))
        corpus.require_enough()
        return corpus

    def _tree(self, tree: Tree, depth: int) -> None:
        whole = recognise_tree(tree, self._input)
        if whole is not None:
            self._take(*whole)
            return
        several = len(tree.members) > 1 or depth > 1
        for member in tree.members:
            if not several or may_hold_posts(member):
                self._member(member, tree, depth, several)

    def _member(self, member: Member, tree: Tree, depth: int, several: bool) -> None:
        """Read one file; among several, one that cannot be read is told and passed over."""
        try:
            with member.open() as stream:
                head = stream.read(HEAD)
            kind = packing(head)
            if kind is not None and depth >= DEEPEST:
                raise UnreadableCorpus(f"{member.label} is packed more than {DEEPEST} times; unpack it yourself.")
            if kind is not None:
                self._tree(unpack(member, kind, tree.allowance), depth + 1)
            elif head:
                self._take(*recognise(self._input(member), head))
            elif self._notes:
                self._take(Sniffed(member.label, "left out", "nothing in it can be read"), iter(()))
        except (UnreadableCorpus, NoTextColumn) as error:
            if not several or tree.allowance.exhausted:
                raise
            self._refused.append(error)
            self._sniffed.append(Sniffed(member.label, "left out", str(error)))

    def _input(self, member: Member) -> Input:
        return Input(member.label, member.open, self._options, self._note)

    def _note(self, note: str) -> None:
        """Keep a remark for the source that is being read; a few are enough."""
        if note not in self._notes and len(self._notes) < MOST_NOTES:
            self._notes.append(note)

    def _take(self, sniffed: Sniffed, records: Records) -> None:
        for number, record in enumerate(records, 1):
            self._seen += 1
            if self._seen % _TELL_EVERY == 0:
                self._progress(Progress("reading", min(self._meter.done, self._total), self._total, self._seen))
            if isinstance(record, Skipped):
                self._drop(record.reason, sniffed.source, number, record.text)
                continue
            if self._met is not None:
                self._met(record)
            if len(record.text) > self._too_long:  # not worth the cleaning
                self._drop("too long", record.source, number, record.text)
                continue
            if reason := stray(record.text):
                self._drop(reason, record.source, number, record.text)
                continue
            text = clean(record.text, self._options)
            if self._rules and self._is_forgotten(record):
                self._drop("forgotten", record.source, number, "")  # what is forgotten is not listed either
                continue
            if reason := self._why_not(record, text):
                self._drop(reason, record.source, number, record.text)
                continue
            self._spool.append(record if text == record.text else record.with_text(text))
            self._numbers.append(number)
            self._duplicates.add(text)
        self._sniffed.append(replace(sniffed, notes=tuple(self._notes)))
        self._notes.clear()

    def _is_forgotten(self, row: Row) -> bool:
        forms = every_form(row.text) if any(rule.match for rule in self._rules) else ()
        return any(rule.matches(row.author, forms) for rule in self._rules)

    def _why_not(self, row: Row, text: str) -> str | None:
        wanted = self._options.authors
        if wanted and row.author is not None and author_key(row.author) not in self._authors:
            return "another author"
        reason = why_not(text, self._options)
        if reason is None and self._languages and is_foreign(row, text, self._languages):
            return "another language"
        return reason

    def _drop(self, reason: str, source: str, number: int, text: str) -> None:
        self._drops[reason] += 1
        if self._dropped is not None:
            self._dropped(Drop(reason, source, number, text[: Drop.EXCERPT]))

    def _without_repeats(self) -> "array[int]":
        def told(done: int, total: int) -> None:
            self._progress(Progress("duplicates", done, total, self._seen))

        kept = np.ones(len(self._spool), dtype=bool)
        for place, _, reason in self._duplicates.find(self._spool, told):
            kept[place] = False
            if self._dropped is None:
                self._drops[reason] += 1
            else:
                row = self._spool[place]
                self._drop(reason, row.source, self._numbers[place], row.text)
        return array("Q", np.flatnonzero(kept).astype(np.uint64).tobytes())


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
        odd = next((f" ({note})" for found in corpus.sniffed for note in found.notes), "")
        return f"{named} holds no posts at all{odd}; check that it is the right file."
    column = next((found.text_column for found in corpus.sniffed if found.text_column), None)
    reasons = ", ".join(f"{count:,} {reason!r}" for reason, count in corpus.drops.most_common(3))
    place = f" (posts in {column!r})" if column else ""
    private = corpus.drops["direct message"] + corpus.drops["private post"]
    advice = "private conversations never come in" if private else "give another file or looser options"
    if column and corpus.drops["empty"] == corpus.seen:
        advice = "name another column with --text-column"
    return f"No post of {named}{place} can be used: of {corpus.seen:,} records, {reasons}; {advice}."
