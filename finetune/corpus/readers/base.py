"""What every reader is given and what it yields."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from finetune.corpus.options import ReadOptions
from finetune.corpus.row import Row


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that is no post, and why; the pipeline numbers and counts it."""

    reason: str
    text: str = ""


Record = Row | Skipped


@dataclass(frozen=True, slots=True)
class Input:
    """One readable thing: a file, a member of an archive, a download."""

    name: str  # as shown to people: "posts.csv", "archive.zip!data/tweets.js"
    open: Callable[[], BinaryIO]  # from its beginning, decompressed, bounded; may be called again
    options: ReadOptions
    note: Callable[[str], None]  # tell the person something odd about this source


Records = Iterator[Record]
