"""Hostile text made visible: nothing in it moves a cursor, turns a line around or hides."""

import unicodedata


def safe(text: str) -> str:
    """The text with control, bidi and other invisible characters as ``·``. Line breaks and tabs stay.

    Markup of any kind is *not* escaped here: that is the business of whoever shows the text.
    """
    return "".join(char if char in "\n\t" or _visible(char) else "·" for char in text)


def one_line(text: str) -> str:
    """The same, on one line."""
    return " ".join(safe(text).split())


def _visible(char: str) -> bool:
    category = unicodedata.category(char)
    return category not in {"Cc", "Cs", "Co", "Cn"} and (category != "Cf" or char == "\u200d")  # keep emoji joiners
