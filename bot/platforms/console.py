"""The mouth that needs no account: it writes to a stream, for the demo and for trying things out."""

import sys
import unicodedata
from collections.abc import Sequence
from typing import TextIO

from bot.platforms.base import Receipt, Unsure
from storage.posts import ClearedPost, Outgoing


def printable(text: str) -> str:
    """The text without characters that steer a terminal.

    Control characters (Cc: escape sequences begin with one), format characters that turn the writing direction
    (Cf, except the joiners that emoji need), lone surrogates and private-use characters go; line breaks stay.
    """
    kept = {"\n", "\u200d", "\ufe0f"}
    return "".join(char for char in text if char in kept or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co"})


class ConsolePlatform:
    """Writes each post as one block to a stream, stdout by default."""

    def __init__(self, stream: TextIO | None = None, name: str = "console") -> None:
        self.name = name
        self._stream = stream

    async def send(self, post: ClearedPost) -> Receipt:
        """Write the post; there is nothing to refuse."""
        stream = self._stream or sys.stdout  # looked up late: the stream may have been redirected since
        stream.write(f"\n{printable(post.text)}\n")
        stream.flush()
        return Receipt(remote_id=f"console-{post.id}")

    async def find(self, post: Outgoing) -> Sequence[Receipt]:
        """A terminal cannot be read back."""
        raise Unsure(f"A terminal cannot be read back: look whether post {post.id} was printed.")

    async def close(self) -> None:
        """Nothing to give back."""
