"""What is in a corpus, before it is learned: personal data, slurs and insults by category, lengths, words.

The judging is the gate's: what it would hold or block in a generated post, it finds in a row. For each category a
person chooses: keep the row, scrub the marked part (it becomes "…", which reads like a pause; a placeholder would be
learned as a word), or drop the row.
"""

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from rapidfuzz import process

from finetune.corpus.findings import Action, Audit, Found, Vocabulary
from finetune.corpus.options import Progress, ProgressCallback, ReadOptions
from finetune.corpus.read import Corpus, DropCallback
from finetune.corpus.room import explained
from finetune.corpus.row import Drop, Row
from finetune.corpus.spool import Spool
from finetune.errors import BadOption, EmptyCorpus
from moderation.gate import FAILED, Gate
from moderation.verdict import Finding, Verdict

BATCH = 256  # rows judged at once
EXAMPLES = 3  # kept of each category
MOST_WORDS = 200_000  # different words counted at once; beyond it the rarest are let go
LENGTH_EDGES = (20, 40, 80, 120, 160, 200, 240, 280, 400, 600, 1_000)
FREQUENCY_EDGES = (2, 3, 6, 11, 101)
SCRUBBED = "…"


# Nobody wants these learned, nor what could not be judged; everything else is the owner's choice.
DEFAULT_ACTIONS: Mapping[str, Action] = {
    **dict.fromkeys(("email", "phone", "card", "iban", "ip", "address"), Action.SCRUB),
    **dict.fromkeys(("slur", "minors", FAILED), Action.DROP),
}


class Judge(Protocol):
    """The part of the gate that an audit needs."""

    def judge_many(self, texts: Sequence[str]) -> list[Verdict]:
        """One verdict for each text, in order."""
        ...


def audit(
    corpus: Corpus,
    *,
    judge: Judge | None = None,
    most: int | None = None,
    progress: ProgressCallback | None = None,
    dropped: DropCallback | None = None,
) -> Corpus:
    """Judge the rows and do with each what the corpus's options say; learn from the corpus that comes back.

    The options `keep`, `scrub` and `drop` name categories of the gate, over `DEFAULT_ACTIONS`. `judge` is the gate's
    embedded filters but for shape and repeats when None. `most` judges only that many rows, evenly spaced, and changes
    none: a quick look. The findings are the new corpus's `audit`.

    Raises:
        BadOption: a category has a name the gate does not know.
        EmptyCorpus: every row was dropped.
    """
    if judge is None:
        check_categories(corpus.options)
    chosen = actions(corpus.options) if most is None else {}
    total = len(corpus.rows)
    step = max(1, -(-total // most)) if most else 1
    places = range(0, total, step)
    run = _Run(chosen, judge or corpus_gate(), dropped or (lambda drop: None))
    for start in range(0, len(places), BATCH):
        with explained():
            rows = [corpus.rows[place] for place in places[start : start + BATCH]]
            run.judge(rows, places[start])
        if progress is not None:
            progress(Progress("judging", min(start + BATCH, len(places)), len(places), start + len(rows)))
    found = run.summary(judged=len(places), of=total)
    if not (found.scrubbed or found.dropped):
        return replace(corpus, audit=found)
    if not run.kept:
        raise EmptyCorpus("The audit dropped every row; scrub or keep what it found instead.")
    drops = corpus.drops + Counter({f"audit: {name}": count for name, count in run.drops.items()})
    characters, sha256 = run.kept.measure()
    return replace(corpus, rows=run.kept, drops=drops, characters=characters, sha256=sha256, audit=found)


def actions(options: ReadOptions) -> dict[str, Action]:
    """Category → what is done: the defaults, and over them what was chosen."""
    chosen = ((Action.KEEP, options.keep), (Action.SCRUB, options.scrub), (Action.DROP, options.drop))
    return {**DEFAULT_ACTIONS, **{category: action for action, named in chosen for category in named}}


def check_categories(options: ReadOptions) -> None:
    """Refuse a category the gate does not know: a typo would leave the rows in.

    Raises:
        BadOption: there is one among `keep`, `scrub` or `drop`.
    """
    from moderation.policy import DEFAULT_RULES

    for category in (*options.keep, *options.scrub, *options.drop):
        if category not in DEFAULT_RULES:
            close = process.extractOne(category, list(DEFAULT_RULES), score_cutoff=60)
            hint = f"you may mean {close[0]!r}" if close else f"it knows {', '.join(sorted(DEFAULT_RULES))}"
            raise BadOption(f"The gate has no category {category!r}; {hint}.")


def corpus_gate() -> Gate:
    """The gate's embedded filters that say what a text is about; shape and repeats are for generated posts."""
    from moderation.gate import default_gate

    whole = default_gate()
    kept = [each for each in whole.filters if each.name not in ("shape", "echo", "repeat")]
    return Gate(kept, whole.policy, slow=math.inf)  # nobody waits for a single row, and a busy machine is no failure


class _Run:
    """What one audit collects."""

    def __init__(self, actions: Mapping[str, Action], judge: Judge, dropped: DropCallback) -> None:
        self._actions, self._judge, self._dropped = actions, judge, dropped
        self._found: dict[str, Found] = {}
        self._lengths: Counter[int] = Counter()
        self._words: Counter[str] = Counter()
        self._total = self._several = self._scrubbed = 0
        self.kept = Spool()
        self.drops: Counter[str] = Counter()

    def judge(self, rows: Sequence[Row], first: int) -> None:
        verdicts = self._judge.judge_many([row.text for row in rows])
        for place, (row, verdict) in enumerate(zip(rows, verdicts, strict=True), first):
            self._lengths[bisect_right(LENGTH_EDGES, len(row.text) - 1)] += 1
            self._several += looks_like_several(row.text)
            self._count_words(row.text)
            findings = [each for each in verdict.findings if not each.shadow]
            for category, example in _first_of_each(findings, row.text).items():
                found = self._found.setdefault(category, Found(action=self._action(category)))
                found.rows += 1
                if len(found.examples) < EXAMPLES:
                    found.examples.append(example)
            self._keep(row, findings, place)

    def summary(self, *, judged: int, of: int) -> Audit:
        """The audit of all rows judged so far."""
        ordered = sorted(self._found.items(), key=lambda item: -item[1].rows)
        frequencies = Counter(bisect_right(FREQUENCY_EDGES, count) for count in self._words.values())
        long = Counter({word: count for word, count in self._words.items() if len(word) >= 5})
        vocabulary = Vocabulary(
            self._total, len(self._words), _named(frequencies, FREQUENCY_EDGES, _times), tuple(long.most_common(20))
        )
        lengths = _named(self._lengths, LENGTH_EDGES, _up_to)
        several = self._several / judged if judged else 0.0
        dropped = sum(self.drops.values())
        return Audit(judged, of, dict(ordered), several, lengths, vocabulary, self._scrubbed, dropped)

    def _action(self, category: str) -> Action:
        return self._actions.get(category, Action.KEEP)

    def _keep(self, row: Row, findings: Sequence[Finding], place: int) -> None:
        """Spool the row as the actions leave it. What shall be scrubbed but has no place in the text drops the row."""
        worst = {category: self._action(category) for category in (each.category for each in findings)}
        drop = next((name for name, action in worst.items() if action is Action.DROP), None)
        spans = [each for each in findings if worst[each.category] is Action.SCRUB]
        text = row.text
        if drop is None and spans:
            text = scrub(row.text, [(each.span.start, each.span.end) for each in spans if each.span is not None])
            if any(each.span is None for each in spans) or not any(map(str.isalpha, text)):
                drop = spans[0].category
        if drop is not None:
            self.drops[drop] += 1
            self._dropped(Drop(f"audit: {drop}", row.source, place + 1, row.text[: Drop.EXCERPT]))
        elif text != row.text:
            self._scrubbed += 1
            self.kept.append(row.scrubbed(text))
        else:
            self.kept.append(row)

    def _count_words(self, text: str) -> None:
        words = _WORD.findall(text.casefold())
        self._total += len(words)
        self._words.update(words)
        if len(self._words) > MOST_WORDS:  # lossy counting (Manku and Motwani 2002): the commonest survive
            self._words = Counter(dict(self._words.most_common(MOST_WORDS // 2)))


def scrub(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """`text` with each span, overlapping ones as one, replaced by "…"."""
    pieces: list[str] = []
    end = 0
    for start, stop in sorted(spans):
        if stop <= end:
            continue
        if start >= end:
            pieces += [text[end:start], SCRUBBED]
        end = stop
    return "".join([*pieces, text[end:]])


def looks_like_several(text: str) -> bool:
    """Whether a row looks like more than one post: sentences in separate blocks, a numbered list, or long lines."""
    if "\n" not in text:
        return False
    blocks = [block for block in _BETWEEN.split(text) if len(block) >= 25 and len(block.split()) >= 5]
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    numbered = sum(bool(_NUMBERED.match(line)) for line in lines)
    sentences = sum(len(line) >= 40 and line[-1] in ".!?…\"”’')" for line in lines)
    return (len(blocks) >= 2 and sentences >= 2) or numbered >= 3 or sentences >= 3


_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_BETWEEN = re.compile(r"\n\s*\n|\n[ \t]*[-*=#•~_]{1,5}[ \t]*\n")
_NUMBERED = re.compile(r"\d{1,3}[.)/:]\s|[-*•]\s")


def _first_of_each(findings: Sequence[Finding], text: str) -> dict[str, str]:
    """Category → the marked part of the text (or its beginning)."""
    found: dict[str, str] = {}
    for each in findings:
        part = text[each.span.start : each.span.end] if each.span else text
        found.setdefault(each.category, part[:80])
    return found


def _named(
    counts: Mapping[int, int], edges: Sequence[int], name: Callable[[Sequence[int], int], str]
) -> dict[str, int]:
    return {name(edges, place): counts.get(place, 0) for place in range(len(edges) + 1)}


def _up_to(edges: Sequence[int], place: int) -> str:
    return f"up to {edges[place]:,}" if place < len(edges) else f"over {edges[-1]:,}"


def _times(edges: Sequence[int], place: int) -> str:
    if place == 0:
        return "once"
    if place == len(edges):
        return f"over {edges[-1] - 1} times"
    low, high = edges[place - 1], edges[place] - 1
    return f"{low} times" if low == high else f"{low} to {high} times"
