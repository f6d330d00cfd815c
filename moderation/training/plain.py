"""Unlabelled plain text (``*.txt.xz``): for word vectors, and everyday talk as further harmless rows."""

import lzma
import random
import re
from collections.abc import Iterator
from pathlib import Path

from moderation.training.errors import PoolBroken
from moderation.training.hints import hinted
from moderation.training.pool import HARMLESS, Lexicon
from moderation.training.rows import Row

_WORD = re.compile(r"\w+(?:'\w+)*|[!?]")
_END = "<|endoftext|>"  # alone on a line between two texts
_TALK = ("self_dialogue", "topical_chat", "synthetic_persona_chat", "common_voice", "tatoeba", "intents")


def plain_texts(folder: Path, characters: int) -> Iterator[list[str]]:
    """Words of the texts in a folder: everyday talk in full, of each other file the first ``characters``."""
    for path in _files(folder):
        for text in _read(path, -1 if path.name.startswith(_TALK) else characters).split(_END):
            yield _WORD.findall(text.lower().replace("’", "'"))


def plain_rows(folder: Path, pool: Path, count: int, seed: int) -> list[Row]:
    """About ``count`` lines of everyday talk and ``count`` longer pieces of any text, taken to be harmless.

    Those with a listed word are left out. The long ones are there because the pool's long texts are mostly toxic, from
    which a classifier would learn that length is.
    """
    lexicon, chance, rows = Lexicon(pool), random.Random(seed), []
    paths = _files(folder)
    talk = [path for path in paths if path.name.startswith(_TALK)]
    for path in paths:
        text = _read(path, 8_000_000)
        kinds = [("long", _pieces(text), count // len(paths))]
        if path in talk:
            lines = [line.strip() for line in text.splitlines() if 20 <= len(line) <= 300]
            kinds.append(("talk", lines, count // len(talk)))
        for source, found, many in kinds:
            picked = chance.sample(found, min(len(found), many))
            rows += [hinted(Row(line, source, HARMLESS)) for line in picked if not lexicon.offensive(line)]
    return rows


def _files(folder: Path) -> list[Path]:
    """Raises PoolBroken when there are none."""
    if found := sorted(folder.glob("*.txt.xz")):
        return found
    raise PoolBroken(f"{folder} holds no *.txt.xz: name the folder of plain text, or leave --text out.")


def _pieces(text: str) -> list[str]:
    """Runs of lines of 250 to 1,500 characters."""
    found, piece = [], ""
    for line in text.replace(_END, "").splitlines():
        piece = f"{piece} {line.strip()}".strip()
        if len(piece) >= 250:
            if len(piece) <= 1500:
                found.append(piece)
            piece = ""
    return found


def _read(path: Path, characters: int) -> str:
    """Raises PoolBroken for what is no xz, cut off or not UTF-8."""
    try:
        with lzma.open(path, "rt", encoding="utf-8") as file:
            return file.read(characters)
    except (lzma.LZMAError, EOFError, UnicodeDecodeError) as error:
        raise PoolBroken(f"{path} cannot be read ({error}).") from error
