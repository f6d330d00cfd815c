"""The two voices of the command line: standard output for answers, standard error for everything else."""

import unicodedata

from rich.console import Console
from rich.text import Text

console = Console()
errors = Console(stderr=True)


def safe(text: str) -> str:
    """Hostile text made harmless for a terminal: control, bidi and other invisible characters become ``·``.

    Line breaks and tabs stay. Rich markup is *not* escaped here: hand the result to :class:`rich.text.Text`,
    as :func:`plain` does, and none is read.
    """
    return "".join(char if char in "\n\t" or _visible(char) else "·" for char in text)


def plain(text: str, style: str = "") -> Text:
    """Hostile text as a Rich renderable that reads no markup."""
    return Text(safe(text), style=style)


def _visible(char: str) -> bool:
    category = unicodedata.category(char)
    return category not in {"Cc", "Cs", "Co", "Cn"} and (category != "Cf" or char == "\u200d")  # keep emoji joiners
