"""Finding listed names in a text. A list keeps hashes only, so that a file of it can be handed on.

A hash hides a name from readers and from searches, not from somebody who guesses it and tries.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self
from zlib import crc32

from moderation.errors import FilterUnavailable
from moderation.normalise import normalise

AUTHORS = "authors.json"  # in an adapter's folder: those who wrote the corpus
FORMAT = 1
_TOKEN = re.compile(r"[^\W_]+(?:[_'][^\W_]+)*")
_MIN_ALONE = 5  # letters of a name that stands alone; shorter ones are everybody's
_FIRST = (1 << 20) - 1  # bits kept of a name's first word: what does not begin like a name is not hashed


class NameBook:
    """A set of names, looked up word by word.

    A name of several words counts when all stand together. A name of one word counts when it cannot be an ordinary
    word: it has a digit or an underscore, or at least five letters and a capital in the original list.
    """

    def __init__(self, names: Iterable[str] = (), *, salt: str = "") -> None:
        """Names as people write them; the same name twice counts once. ``salt`` goes into every hash."""
        self._salt = salt
        self._first: set[int] = set()
        self._lengths: set[int] = set()
        self._hashes: set[str] = set()
        for name in names:
            tokens = name_words(name)
            if len(tokens) > 1 or (tokens and _tells(name, tokens[0])):
                self._first.add(_begin(tokens[0]))
                self._lengths.add(len(tokens))
                self._hashes.add(self._hash(tokens))

    def __len__(self) -> int:
        """How many names there are."""
        return len(self._hashes)

    def find(self, folded: str) -> Iterator[tuple[int, int]]:
        """Where names stand in a folded text: start, end."""
        if not self._hashes:
            return
        places = list(_TOKEN.finditer(folded))
        tokens = [place.group().removesuffix("'s") for place in places]
        for index, token in enumerate(tokens):
            if _begin(token) not in self._first:
                continue
            for length in self._lengths:
                end = index + length
                if end <= len(tokens) and self._hash(tokens[index:end]) in self._hashes:
                    yield places[index].start(), places[end - 1].end()

    def save(self, path: Path) -> None:
        """Write the list whole, then put it in place."""
        data = {
            "format": FORMAT,
            "salt": self._salt,
            "lengths": sorted(self._lengths),
            "first": sorted(self._first),
            "names": sorted(self._hashes),
        }
        partial = path.with_name(f"{path.name}.tmp")
        partial.write_text(json.dumps(data), "utf-8")
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The list that :meth:`save` wrote.

        Raises:
            FilterUnavailable: it is missing, or cannot be read.
        """
        try:
            data = json.loads(path.read_text("utf-8"))
            if data["format"] != FORMAT:
                raise ValueError(f"format {data['format']}, where this program reads {FORMAT}")
            book = cls(salt=str(data["salt"]))
            book._first.update(map(int, data["first"]))
            book._lengths.update(map(int, data["lengths"]))
            book._hashes.update(map(str, data["names"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"The list of authors {path} cannot be read ({error}); copy it back or train the adapter again."
            raise FilterUnavailable(message) from None
        return book

    def _hash(self, tokens: Sequence[str]) -> str:
        text = " ".join(tokens).encode("utf-8", "replace")
        return hashlib.blake2b(text, digest_size=8, key=self._salt.encode()[:64]).hexdigest()


def name_words(name: str) -> list[str]:
    """The words of a name as they are looked up."""
    return _TOKEN.findall(normalise(name).folded.text)


def _begin(token: str) -> int:
    return crc32(token.encode("utf-8", "replace")) & _FIRST


def _tells(name: str, token: str) -> bool:
    if any(character.isdigit() or character == "_" for character in name):
        return len(token) >= 3
    return len(token) >= _MIN_ALONE and name[:1].isupper()
