"""Does this text repeat a row of the training corpus?"""

from collections.abc import Sequence

from moderation.context import Context
from moderation.echo import EchoIndex, Match
from moderation.normalise import Normalised
from moderation.verdict import Decision, Finding, Span

_SHOWN = 120  # characters of a row that a reason quotes


class EchoFilter:
    """Finds verbatim runs of eight words and near copies, and shows the row."""

    name = "echo"
    version = "1"

    def __init__(self, index: EchoIndex) -> None:
        self._index = index

    def judge(self, text: Normalised, context: Context) -> list[Finding]:
        """At most one finding: the row that the text repeats most."""
        return self.judge_many([text], context)[0]

    def judge_many(self, texts: Sequence[Normalised], context: Context) -> list[list[Finding]]:
        """The same for many texts."""
        matches = self._index.copies([text.original for text in texts])
        return [[finding(match, self.name, "It repeats a training row")] if match else [] for match in matches]


def finding(match: Match, name: str, what: str) -> Finding:
    """The finding for a copy: how much of what, and which words of the text."""
    row = " ".join(match.row.split())
    row = row if len(row) <= _SHOWN else row[: _SHOWN - 1] + "…"
    run = f", {match.run_words} words in a row" if match.run_words > 1 else ""
    return Finding(
        filter=name,
        category=name,
        decision=Decision.HOLD,
        reason=f"{what} ({match.overlap:.0%} alike{run}): “{row}”",
        span=Span(match.start, match.end),
        score=match.overlap,
    )
