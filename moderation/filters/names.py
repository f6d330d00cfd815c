"""Finding listed names in a text."""

import re
from collections.abc import Iterable, Iterator

from moderation.normalise import normalise

_TOKEN = re.compile(r"[^\W_]+(?:[_'][^\W_]+)*")
_MIN_ALONE = 5  # letters of a name that stands alone; shorter ones are everybody's


class NameBook:
    """A set of names, looked up word by word.

    A name of several words counts when all stand together. A name of one word counts when it cannot be an ordinary
    word: it has a digit or an underscore, or at least five letters and a capital in the original list.
    """

    def __init__(self, names: Iterable[str]) -> None:
        """Names as people write them; the same name twice counts once."""
        self._book: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for name in dict.fromkeys(names):
            tokens = tuple(_TOKEN.findall(normalise(name).folded.text))
            if len(tokens) > 1 or (tokens and _tells(name, tokens[0])):
                self._book.setdefault(tokens[0], []).append((tokens[1:], name))

    def find(self, folded: str) -> Iterator[tuple[str, int, int]]:
        """The names in a folded text: name, start, end."""
        if not self._book or self._book.keys().isdisjoint(_TOKEN.findall(folded)):
            return
        places = list(_TOKEN.finditer(folded))
        tokens = [place.group().removesuffix("'s") for place in places]
        for index, token in enumerate(tokens):
            for rest, name in self._book.get(token, ()):
                end = index + len(rest)
                if tuple(tokens[index + 1 : end + 1]) == rest:
                    yield name, places[index].start(), places[end].end()


def _tells(name: str, token: str) -> bool:
    if any(character.isdigit() or character == "_" for character in name):
        return len(token) >= 3
    return len(token) >= _MIN_ALONE and name[:1].isupper()
