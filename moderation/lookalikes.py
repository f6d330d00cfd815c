"""What one character stands for: the plain letters that a reader sees in it.

Sources: Unicode NFKD and case folding (`unicodedata`), Unicode's confusables table (UTS #39) as the package
`confusable-homoglyphs` carries it, and a short list of our own for emoji letters and typographic marks.
"""

import json
import unicodedata
from functools import cache
from importlib import resources

_CACHE_LIMIT = 20_000  # characters remembered; a hostile text cannot make the table grow without end

_PUNCTUATION = {
    **dict.fromkeys("‘’‚‛′‵ʼʹ＇´", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−⁃", "-"),
    **dict.fromkeys("·•∙●‧・⋅", "."),
    **dict.fromkeys("∗✱✲＊⁎", "*"),
    **dict.fromkeys("❗¡", "!"),
}
_LETTERS = {
    "©": "c", "®": "r", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h",
    "ı": "i", "þ": "p", "ŧ": "t", "×": "x", "†": "t", "§": "s", "€": "€", "£": "£", "¥": "¥", "¢": "¢",
    "ɐ": "a", "ɔ": "c", "ǝ": "e", "ɟ": "f", "ƃ": "g", "ɥ": "h", "ᴉ": "i", "ɾ": "j", "ʞ": "k", "ɯ": "m",
    "ɹ": "r", "ʇ": "t", "ʌ": "v", "ʍ": "w", "ʎ": "y",
}  # fmt: skip


def _emoji_letters() -> dict[str, str]:
    """Regional indicators, and the squared and circled capitals that NFKC leaves alone."""
    starts = (0x1F1E6, 0x1F170, 0x1F150, 0x1F130)
    return {chr(start + offset): chr(ord("a") + offset) for start in starts for offset in range(26)}


@cache
def _confusables() -> dict[str, str]:
    """Every single character that the Unicode table likens to ASCII letters or digits."""
    table = json.loads(resources.files("confusable_homoglyphs").joinpath("confusables.json").read_text("utf-8"))
    likes: dict[str, str] = {}
    for character, rows in table.items():
        if len(character) != 1 or character.isascii():
            continue
        plain = (_strip(unicodedata.normalize("NFKD", row["c"])) for row in rows)
        found = next((word for word in plain if word and word.isascii() and word.isalnum()), None)
        if found is not None:
            likes[character] = found.lower()
    return likes


def _strip(text: str) -> str:
    """The text without marks, format characters and controls."""
    return "".join(character for character in text if unicodedata.category(character) not in _UNSEEN)


_UNSEEN = frozenset({"Mn", "Me", "Cf", "Cc", "Cs"})
_EMOJI = _emoji_letters()


class Lookalikes(dict[str, str]):
    """Character → what it reads as, in lower case; empty for what nobody sees. Filled as characters come up."""

    def __missing__(self, character: str) -> str:
        """Work out a character that has not come up before."""
        seen = _reads_as(character)
        if len(self) < _CACHE_LIMIT:
            self[character] = seen
        return seen


def _reads_as(character: str) -> str:
    if character in "\t\n\r\x0b\x0c\x85\u2028\u2029":
        return "\n" if character not in "\t\x0b\x0c" else " "
    special = _EMOJI.get(character) or _PUNCTUATION.get(character) or _LETTERS.get(character)
    if special is not None:
        return special
    if character.isspace():
        return " "
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    decomposed = _strip(unicodedata.normalize("NFKD", character))
    if not decomposed.isascii() or not decomposed.strip():
        likes = _confusables().get(character)
        if likes is not None:
            return likes
    return "".join(_letter(part) for part in decomposed)


def _letter(character: str) -> str:
    if character.isascii():
        return character.lower()
    lowered = character.casefold()
    if lowered.isascii():
        return lowered
    special = _PUNCTUATION.get(lowered) or _LETTERS.get(lowered)
    if special is not None:
        return special
    likes = _confusables()
    return likes.get(character) or likes.get(lowered) or _strip(lowered)


@cache
def bars() -> frozenset[str]:
    """Characters beyond ASCII that are a bare vertical stroke, so that nobody can tell whether it is an i or an l."""
    table = json.loads(resources.files("confusable_homoglyphs").joinpath("confusables.json").read_text("utf-8"))
    return frozenset(row["c"] for row in table["l"] if len(row["c"]) == 1 and not row["c"].isascii())
