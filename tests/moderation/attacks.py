"""Ways to hide a word from a filter while a person still reads it. Each takes a word or text and a source of chance."""

import json
import random
import unicodedata
from collections.abc import Callable
from functools import cache
from importlib import resources

Attack = Callable[[str, random.Random], str]

_CYRILLIC = str.maketrans("aceiopxysjh", "асеіорхуѕјһ")
_LEET = {"a": "4@", "b": "8", "e": "3", "i": "1!", "o": "0", "s": "5$", "t": "7"}


def zero_width(text: str, chance: random.Random) -> str:
    """An invisible character after every letter."""
    return "".join(letter + chance.choice("\u200b\u200c\u200d\u2060\ufeff\u00ad") for letter in text)


def homoglyphs(text: str, chance: random.Random) -> str:
    """Cyrillic letters that look the same."""
    return text.translate(_CYRILLIC)


def full_width(text: str, chance: random.Random) -> str:
    """The wide letters of East Asian typesetting."""
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)


def leet(text: str, chance: random.Random) -> str:
    """Digits and signs for half of the letters that have one."""
    return "".join(
        chance.choice(_LEET[letter]) if letter in _LEET and chance.random() < 0.5 else letter for letter in text
    )


def spacing(text: str, chance: random.Random) -> str:
    """A space between letters, three between words."""
    return "   ".join(" ".join(word) for word in text.split())


def dots(text: str, chance: random.Random) -> str:
    """Dots, dashes or underscores between the letters."""
    mark = chance.choice(".-_")
    return " ".join(mark.join(word) for word in text.split())


def starred(text: str, chance: random.Random) -> str:
    """A star for one of the inner letters, a vowel where there is one."""
    words = []
    for word in text.split():
        inner = range(1, len(word) - 1)
        places = [place for place in inner if word[place] in "aeiou"] or list(inner)
        if places:
            place = chance.choice(places)
            word = f"{word[:place]}*{word[place + 1 :]}"
        words.append(word)
    return " ".join(words)


def repeats(text: str, chance: random.Random) -> str:
    """Some letters held, in every word one at least."""
    words = []
    for word in text.split():
        held = {chance.randrange(len(word))} | {place for place in range(len(word)) if chance.random() < 0.3}
        words.append(
            "".join(
                letter * chance.randint(3, 6) if place in held and letter.isalpha() else letter
                for place, letter in enumerate(word)
            )
        )
    return " ".join(words)


def markdown(text: str, chance: random.Random) -> str:
    """Bold, struck or code marks around a part of each word."""
    words = []
    for word in text.split():
        mark = chance.choice(["**", "~~", "`", "__", "||"])
        place = chance.randrange(1, len(word)) if len(word) > 1 else 0
        words.append(f"{word[:place]}{mark}{word[place:]}{mark}" if place else word)
    return " ".join(words)


def override(text: str, chance: random.Random) -> str:
    """Written backwards, and turned round again on the screen."""
    return f"\u202e{text[::-1]}\u202c"


@cache
def _confusables() -> dict[str, list[str]]:
    """Letter → single characters that Unicode's table likens to it."""
    table = json.loads(resources.files("confusable_homoglyphs").joinpath("confusables.json").read_text("utf-8"))
    letters = "abcdefghijklmnopqrstuvwxyz"
    return {letter: [row["c"] for row in table.get(letter, []) if len(row["c"]) == 1] for letter in letters}


def confusables(text: str, chance: random.Random) -> str:
    """Any character of Unicode's table for each letter."""
    table = _confusables()
    return "".join(chance.choice(table[letter]) if table.get(letter) else letter for letter in text)


def marks(text: str, chance: random.Random) -> str:
    """A combining mark on every letter."""
    return "".join(
        letter + chance.choice("\u0301\u0308\u0336\u0332") if letter.isalpha() else letter for letter in text
    )


def emoji_letters(text: str, chance: random.Random) -> str:
    """Regional indicators or squared capitals."""
    start = chance.choice([0x1F1E6, 0x1F170])
    return "".join(chr(start + ord(letter) - ord("a")) if "a" <= letter <= "z" else letter for letter in text)


def mixed(text: str, chance: random.Random) -> str:
    """Two of the others, one word this way and the next that way."""
    one, two = chance.sample([zero_width, homoglyphs, full_width, leet, dots, repeats, marks], 2)
    words = text.split()
    return " ".join((one if place % 2 else two)(word, chance) for place, word in enumerate(words))


ATTACKS: dict[str, Attack] = {
    "zero-width": zero_width,
    "homoglyphs": homoglyphs,
    "full-width": full_width,
    "leet": leet,
    "spacing": spacing,
    "dots": dots,
    "starred": starred,
    "repeats": repeats,
    "markdown": markdown,
    "override": override,
    "confusables": confusables,
    "combining marks": marks,
    "emoji letters": emoji_letters,
    "mixed": mixed,
}
assert unicodedata.name("а").startswith("CYRILLIC")  # the letters above are what they claim to be
