"""Unlabelled plain text (``*.txt.xz``): for word vectors, and everyday talk as further harmless rows."""

import lzma
import random
import re
from collections.abc import Iterator
from pathlib import Path

from moderation.training.pool import HARMLESS, Lexicon
from moderation.training.rows import Row

_WORD = re.compile(r"\w+(?:'\w+)*|[!?]")
_END = "<|endoftext|>"  # alone on a line between two texts
_TALK = ("self_dialogue", "topical_chat", "synthetic_persona_chat", "common_voice", "tatoeba", "intents")


def plain_texts(folder: Path, characters: int) -> Iterator[list[str]]:
    """Words of the texts in a folder: everyday talk in full, of each other file the first ``characters``."""
    for path in sorted(folder.glob("*.txt.xz")):
        for text in _read(path, -1 if path.name.startswith(_TALK) else characters).split(_END):
            yield _WORD.findall(text.lower().replace("’", "'"))


def plain_rows(folder: Path, pool: Path, count: int, seed: int) -> list[Row]:
    """``count`` lines of everyday talk of 20 to 300 characters, less those with a listed word: taken to be harmless."""
    lexicon, chance, rows = Lexicon(pool), random.Random(seed), []
    paths = [path for path in sorted(folder.glob("*.txt.xz")) if path.name.startswith(_TALK)]
    for path in paths:
        lines = [line.strip() for line in _read(path, -1).splitlines() if 20 <= len(line) <= 300]
        picked = chance.sample(lines, min(len(lines), count // len(paths)))
        rows += [Row(line, "talk", HARMLESS) for line in picked if not lexicon.offensive(line)]
    return rows


def _read(path: Path, characters: int) -> str:
    with lzma.open(path, "rt", encoding="utf-8") as file:
        return file.read(characters)
