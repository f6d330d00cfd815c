"""The owner's word list as people edit it while the bot runs: kept in its file, and in force at once."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from moderation import words
from moderation.gate import Gate
from moderation.words import OwnList, Word


class Wordbook:
    """One list and the gate that judges by it. Every method reads or writes a file: call it in a thread."""

    def __init__(self, path: Path, gate: Gate, *, clock: Callable[[], datetime]) -> None:
        """``path`` is the owner's file; it need not be there yet."""
        self._path = path
        self._gate = gate
        self._clock = clock

    def read(self) -> OwnList:
        """The list as it stands.

        Raises:
            WordlistError: the file cannot be read.
        """
        return words.load(self._path)

    def add(self, word: Word, *, who: str, most: int | None = None) -> None:
        """Put a word in; the gate judges by it from now on. ``most`` is how many entries its servers may have.

        Raises:
            WordRefused: the word is wrong, or the list is full.
            WordlistError: the file cannot be read or written.
        """
        words.add(self._path, word, who=who, now=self._clock(), most=most)
        self._gate.refresh()

    def remove(self, word: Word, *, who: str) -> None:
        """Take this very entry out; the gate judges without it from now on.

        Raises:
            WordRefused: somebody has taken it out already.
            WordlistError: the file cannot be read or written.
        """
        mark = word.mark
        words.remove(self._path, word.word, who=who, now=self._clock(), only=lambda entry: entry.mark == mark)
        self._gate.refresh()
