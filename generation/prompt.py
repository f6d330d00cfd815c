"""The one prompt format: what stands before a post at training time stands before it at generation time.

It is saved with the weights (``prompt.json``), because an adapter hears only the format it was trained on.
"""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from generation.errors import AdapterBroken


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """``<begin>[about: topic⏎]post<end>``; the header is there only when a topic is."""

    begin: str = "<|endoftext|>"
    end: str = "<|endoftext|>"
    topic: str = "about: {topic}\n"

    def head(self, topic: str | None = None) -> str:
        """What stands before the post. Topics are one line in lower case, as at training time."""
        words = " ".join(self.clean(topic or "").lower().split())
        return self.begin + (self.topic.format(topic=words) if words else "")

    def clean(self, words: str) -> str:
        """A person's words without the marks of this format, which would end the post or begin another."""
        for mark in (self.begin, self.end):
            while mark and mark in words:
                words = words.replace(mark, " ")
        return words

    def training_text(self, post: str, topic: str | None = None) -> str:
        """The whole example: head, post, end. The end is learned like any other token."""
        return self.head(topic) + post + self.end

    def save(self, folder: Path) -> None:
        """Write ``prompt.json`` into an adapter folder."""
        (folder / "prompt.json").write_text(json.dumps(asdict(self), indent=2), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read ``prompt.json``.

        Raises:
            AdapterBroken: the file is missing or not in this format.
        """
        try:
            return cls(**json.loads((folder / "prompt.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            message = f"The adapter folder {folder} has no usable prompt.json ({error}); train it again."
            raise AdapterBroken(message) from error


def names_topic(text: str, topic: str) -> bool:
    """Whether a text names a topic: a word of it begins with the stem of one of the topic's longest words."""
    asked = _WORD.findall(topic.casefold())
    longest = max(map(len, asked), default=0)
    stems = tuple(_stem(word) for word in asked if len(word) == longest)
    return any(word.startswith(stems) for word in _WORD.findall(text.casefold()))


def _stem(word: str) -> str:
    stem = _ENDING.sub("", word) if len(word) > 4 else word
    return stem if len(stem) > 2 else word


_WORD = re.compile(r"[^\W_]+")
_ENDING = re.compile(r"(?:ies|es|s|ing|ed|y|e)$")
