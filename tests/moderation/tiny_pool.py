"""A pool of a few hundred made-up rows in the files and columns of the real one."""

import csv
import lzma
import random
from collections.abc import Sequence
from pathlib import Path

NICE = ["the", "garden", "tea", "bread", "train", "sister", "library", "window", "rain", "cake", "morning", "soup"]
NASTY = ["grumblefart", "snotwaffle", "dungbrain", "blightface", "toadlicker"]


def write_pool(folder: Path, rows: int = 120) -> Path:
    """Write every file of the pool into ``folder``: nasty rows hold a made-up insult, nice ones do not."""
    folder.mkdir(parents=True)
    chance = random.Random(1)

    def text(nasty: bool) -> str:
        words = chance.choices(NICE, k=chance.randint(5, 12))
        if nasty:
            words.insert(chance.randrange(len(words)), chance.choice(NASTY))
        return " ".join(words)

    sides = [bool(number % 2) for number in range(rows)]
    _csv(
        folder / "surge_profanity_en.csv", ["text", "category_1", "severity_rating"], [[word, "x", 2] for word in NASTY]
    )
    (folder / "ldnoobw_en.txt").write_text("dungbrain\n")
    _csv(
        folder / "davidson_labeled.csv",
        ["count", "hate_speech", "offensive_language", "neither", "class", "tweet"],
        [[3, 3 * side, 0, 3 * (not side), 0 if side else 2, text(side)] for side in sides],
    )
    _csv(
        folder / "edos_aggregated.csv",
        ["text", "label_sexist", "label_category"],
        [[text(side), "sexist" if side else "not sexist", "1. threats" if side else "none"] for side in sides],
    )
    _csv(
        folder / "toxicspans_comments.csv", ["comment_id", "comment_text"], [[n, text(s)] for n, s in enumerate(sides)]
    )
    _csv(
        folder / "toxicspans_annotations.csv",
        ["annotation", "comment_id", "all toxic", "not toxic"],
        [[n, n, False, not side] for n, side in enumerate(sides)],
    )
    _csv(
        folder / "toxicspans_spans.csv", ["annotation", "type"], [[n, "Insult"] for n, side in enumerate(sides) if side]
    )
    _csv(folder / "tsd_train.csv", ["spans", "text"], [["[1, 2]", text(True)] for _ in sides])
    for name in ("hatemojibuild_train.csv", "hatemojibuild_validation.csv"):
        _csv(folder / name, ["text", "label_gold", "type"], [[text(side), int(side), "derogation"] for side in sides])
    marks = ["is_abuse.1", "is_abuse.-1", "sex_harassment", "racist", "intellectual"]
    for name in ("convabuse_train.csv", "convabuse_valid.csv"):
        _csv(
            folder / name,
            ["user", *(f"Annotator1_{mark}" for mark in marks)],
            [[text(side), int(not side), int(side), int(side), 0, int(side)] for side in sides],
        )
    _csv(
        folder / "surge_toxicity_en.csv",
        ["text", "is_toxic"],
        [[text(s), "Toxic" if s else "Not Toxic"] for s in sides],
    )
    _csv(folder / "wiki_toxicity_nonfuzzed.csv", ["comment", "toxic"], [[text(side), side] for side in sides])
    _csv(
        folder / "jigsaw_ibm_sample102.csv",
        ["comment_text", "toxic", "insult", "identity_hate", "threat"],
        [[text(side), int(side), int(side), 0, 0] for side in sides],
    )
    for name in ("goemotions_train.tsv", "goemotions_dev.tsv"):
        (folder / name).write_text("".join(f"{text(False)}\t27\tid\n" for _ in range(4 * rows)))
    (folder / "sms_spam.tsv").write_text("".join(f"{'spam' if s else 'ham'}\t{text(s)} win\n" for s in sides))
    return folder


def write_plain(folder: Path) -> Path:
    """A folder of plain text, as ``--text`` takes it."""
    folder.mkdir(parents=True)
    chance = random.Random(2)
    for name in ("self_dialogue", "books"):
        lines = [" ".join(chance.choices(NICE, k=8)) for _ in range(400)]
        with lzma.open(folder / f"{name}.txt.xz", "wt") as file:
            file.write("\n<|endoftext|>\n".join(lines))
    return folder


def _csv(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
