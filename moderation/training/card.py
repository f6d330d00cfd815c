"""The model card: what the classifier was made from, what it is worth, and what it cannot do."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from moderation.training.dialect import Dialect
from moderation.training.measure import EXAMINED, Exam
from moderation.training.probe import Probe

# Data set → (what, licence, whose). The credits that the licences ask for.
SOURCES = {
    "davidson": ("t-davidson/hate-speech-and-offensive-language (cb50f7e)", "MIT", "Davidson et al., ICWSM 2017"),
    "edos": ("rewire-online/edos (b1f1fbc), without its test split", "CC0-1.0", "Kirk et al., SemEval 2023 task 10"),
    "toxicspans": ("ipavlopoulos/toxic_spans (beaf170)", "CC0-1.0", "Pavlopoulos et al., ACL 2022"),
    "tsd": ("ipavlopoulos/toxic_spans (beaf170), training rows", "CC0-1.0", "Pavlopoulos et al., SemEval 2021 task 5"),
    "hatemoji": ("HannahKirk/Hatemoji (a626f63), HatemojiBuild", "CC-BY-4.0", "Kirk et al., NAACL 2022"),
    "convabuse": ("amandacurry/convabuse (c0a9469)", "CC-BY-4.0", "Cercas Curry et al., EMNLP 2021"),
    "surge": ("surge-ai/toxicity (ea80324) and surge-ai/profanity (77dabf3)", "MIT", "Surge AI"),
    "wiki": ("conversationai/unintended-ml-bias-analysis (9c7d91a)", "CC-BY-4.0", "Dixon et al., AIES 2018"),
    "jigsaw": ("IBM/MAX-Toxic-Comment-Classifier (8170c0b), sample", "CC0-1.0", "Jigsaw and Wikipedia's authors"),
    "goemotions": ("google-research GoEmotions, through monologg/GoEmotions-pytorch (b75f9d3)", "CC-BY-4.0",
                   "Demszky et al., ACL 2020"),
    "sms": ("UCI SMS Spam Collection, through EvilPort2/Spam-Detection (d12b314)", "CC-BY-4.0",
            "Almeida and Gómez Hidalgo, 2011"),
    "words": ("the listed words of surge-ai/profanity, alone and said to somebody", "MIT", "Surge AI"),
    "spans": ("what annotators marked in tsd", "CC0-1.0", "the same as tsd"),
    "rest": ("the same comments without it", "CC0-1.0", "the same as tsd"),
    "ldnoobw": ("LDNOOBW word list (5faf2ba), only to find rows", "CC-BY-4.0", "Shutterstock and contributors"),
    "talk": ("everyday talk: self_dialogue, Topical-Chat, Synthetic-Persona-Chat, Common Voice, Tatoeba, intents",
             "BSD-3-Clause, CDLA-Sharing-1.0, CC-BY-4.0, CC0-1.0, CC-BY-2.0-FR, CC-BY-3.0", "their authors"),
    "emotions": ("the other rows of GoEmotions, as neither spam nor self-harm", "CC-BY-4.0", "the same"),
    "long": ("longer pieces of the same and of books, speeches, minutes and government pages (see finetune/bases/nib)",
             "public domain, CC0-1.0, CC-BY-4.0, MIT, BSD-3-Clause", "their authors"),
    "made": ("patterns and sentences in moderation/training/templates", "MIT", "this project"),
}  # fmt: skip

_CANNOT = """\
- It reads English, one text at a time, without what was said before. Other languages score near nothing.
- It does not understand. Hatred that is only implied, irony, and who says a word to whom are mostly lost on it;
  counter-speech and quotation can score high. The table of exams shows how little of such hate it finds.
- There is no licensed data of any size for self-harm and sexual text, and little for threats. Those heads learned from
  word lists and from patterns and sentences that a language model wrote for this project, and their exams are few.
  Treat them as a help, not a safeguard: the gate's phrase filter for self-harm runs beside them.
- Spam was learned from text messages of 2006 to 2011 and from written patterns.
- The comments were labelled by crowds, mostly in North America. Much of the data is African-American English that was
  labelled "offensive". The table of dialects below tells how much oftener such posts raise false alarms.
- A score is no probability. 0.6 is what three harmless texts in 2,000 reach on a head, and jokes oftener; set your own
  thresholds with `confess gate calibrate` on your own posts.
"""


@dataclass(frozen=True)
class Findings:
    """What a training run found out."""

    version: str
    exams: Sequence[Exam]
    dialects: Sequence[Dialect]  # on data sets that were held out
    own_dialects: Sequence[Dialect]  # the finished weights, on rows that were held back
    probes: Sequence[Probe]
    harmless: Mapping[str, float] | None
    rows: Mapping[str, int]
    hashes: Mapping[str, str]
    settings: Mapping[str, Any]
    seconds: int


def write_card(folder: Path, found: Findings) -> dict[str, Any]:
    """Write README.md and card.json into ``folder``; returns what card.json holds."""
    sources = {
        name: {"what": what, "licence": licence, "credit": whose} for name, (what, licence, whose) in SOURCES.items()
    }
    card = {
        "name": "Confessional's embedded classifier",
        "version": found.version,
        "sources": sources,
        "rows": dict(found.rows),
        "pool": dict(found.hashes),
        "settings": dict(found.settings),
        "held_out": [asdict(exam) for exam in found.exams],
        "heads": [asdict(each) for each in _by_head(found.exams)],
        "dialects": [asdict(each) for each in (*found.dialects, *found.own_dialects)],
        "mean_auroc": _mean([exam.auroc for exam in found.exams]),
        "mean_auprc": _mean([exam.auprc for exam in found.exams]),
        "probes": [asdict(each) for each in found.probes],
        "harmless": None if found.harmless is None else dict(found.harmless),
    }
    (folder / "README.md").write_text(_page(found), "utf-8")
    partial = folder / ".card.json.partial"
    partial.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", "utf-8")
    partial.rename(folder / "card.json")
    return card


@dataclass(frozen=True, slots=True)
class _Head:
    """One category over all data sets that examine it, each counting once."""

    head: str
    exams: int
    auroc: float
    auprc: float
    recall: float
    held: float
    false_alarms: float


def _by_head(exams: Sequence[Exam]) -> list[_Head]:
    found = []
    for head in EXAMINED:
        own = [exam for exam in exams if exam.head == head]
        if own:
            measures = ("auroc", "auprc", "recall", "held", "false_alarms")
            means = [sum(getattr(exam, measure) for exam in own) / len(own) for measure in measures]
            found.append(_Head(head, len(own), *means))
    return found


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


_INTRODUCTION = """\
Words, word pairs and character pieces, hashed, into a linear model and into a small network that looks for patterns of
three words; tables in 8 bits, read by NumPy alone. Six scores from 0 to 1: insult, hate, sexual, threat, selfharm and
spam. The worst 24 words of a long text count besides the whole, but for self-harm. Made by
`python -m moderation.training` from the data below; no row and no word list is part of this package.
"""
_HELD_OUT = """\
Each data set was held out of training once, together with those of like origin, near duplicates removed. *Recall* is at
5 % false alarms. *Held* and *false alarms* are the shares of harmful and of harmless rows that reach 0.6 on a
calibration that never saw the data set: what an owner who sets nothing gets. `any` is the highest of the six scores,
held against what is harmful in whatever way. A seventh, general head has no score of its own: it raises insult, hate or
threat, whichever comes nearest. The word vectors, which see no label, were made once from all texts; how much the heads
lend each other, how much each model and the worst stretch of a text count, how scores fall below 0.6, how strict and
how long it learns and which rows are made from others or written was chosen on these exams, so that they flatter a
little.
"""
_BY_HEAD = "The mean over the data sets that examine a head, each counting once. No data set examines self-harm.\n"
_DIALECTS = """\
Harmless rows that show spellings and grammar typical of African-American English, beside the other harmless rows of the
same data set: the share of each that reaches 0.6 on any head. The data sets were held out of training, but for the last
row, which is these weights on the twentieth of all rows that is never trained on. The marks (`dialect.py`) find few of
those who speak so, and some who mock them.
"""
_PROBES = """\
Sentences, requests to a bot, posts and long texts written for each head (`templates/probes/`), never trained on, by
writers who had not seen those that are (`templates/lines/`). One language model wrote all, which flatters. So does that
the last choices between ways to train were made with an eye on them. The posts came late: no way to train was chosen by
them, but 500 texts about insults were written after a look at how they fared. A third of the harmful posts are crude, a
third plain, a third implied. The long texts have 60 to 180 words, and about half of the harmful ones are so only in
part. The sentences of `sexual` that are not harmful hold 25 that swear without a word of sex.
"""
_NEARBY = "though texts were written on what some of them are about"


def _page(found: Findings) -> str:
    parts = [
        f"# The embedded classifier, version {found.version}\n",
        _INTRODUCTION,
        "## What it cannot do\n",
        _CANNOT,
        "## On data sets it was not trained on\n",
        _HELD_OUT,
        _table(
            ["data set", "head", "rows", "harmful", "AUROC", "AUPRC", "recall", "held", "false alarms"],
            [[each.source, each.head, each.rows, each.harmful, *_shares(each)] for each in found.exams],
        ),
        "## By category\n",
        _BY_HEAD,
        _table(
            ["head", "data sets", "AUROC", "AUPRC", "recall", "held", "false alarms"],
            [[each.head, each.exams, *_shares(each)] for each in _by_head(found.exams)],
        ),
        "## By dialect\n",
        _DIALECTS,
        _table(
            ["data set", "rows with marks", "false alarms", "other rows", "false alarms"],
            [
                [each.source, each.marked, f"{each.marked_alarms:.2%}", each.others, f"{each.others_alarms:.2%}"]
                for each in (*found.dialects, *found.own_dialects)
            ],
        ),
        "## On texts written to examine it\n",
        _PROBES,
        _table(
            ["kind", "head", "harmful", "not", "AUROC", "held", "false alarms"],
            [
                [each.kind, each.head, each.harmful, each.harmless]
                + [f"{share:.3f}" for share in (each.auroc, each.held, each.false_alarms)]
                for each in found.probes
            ],
        ),
    ]
    if found.harmless is not None:
        shares = ", ".join(f"{name} {share:.2%}" for name, share in found.harmless.items() if name != "posts")
        many = f"{found.harmless['posts']:,} harmless posts, never trained on"
        parts += ["## On harmless posts\n", f"{many}, {_NEARBY}; share that reaches 0.6: {shares}.\n"]
    made = sum(many for name, many in found.rows.items() if name.startswith("made"))
    rows = {**found.rows, "made": made}
    parts += [
        "## Sources and credits\n",
        _table(
            ["source", "what", "licence", "credit", "rows"],
            [[name, *about, rows.get(name, 0)] for name, about in SOURCES.items()],
        ),
        f"Training took {found.seconds} seconds of processor time. Hashes of the data and all settings: `card.json`.\n",
    ]
    return "\n".join(parts)


def _shares(exam: Exam | _Head) -> list[str]:
    return [f"{value:.3f}" for value in (exam.auroc, exam.auprc, exam.recall, exam.held, exam.false_alarms)]


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"
