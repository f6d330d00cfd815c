"""The two voices of the command line: standard output for answers, standard error for everything else."""

from rich.console import Console
from rich.text import Text

from bot.visible import safe

console = Console()
errors = Console(stderr=True)


def plain(text: str, style: str = "") -> Text:
    """Hostile text as a Rich renderable that reads no markup and moves no cursor."""
    return Text(safe(text), style=style)
