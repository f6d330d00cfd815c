"""One reading of a text, with the way back to what was typed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from moderation.verdict import Span


@dataclass(frozen=True, slots=True)
class View:
    """One reading of a text: `origin[i]` is the original index of `text[i]`."""

    text: str
    origin: Sequence[int]

    def span(self, start: int, end: int) -> Span:
        """Where `text[start:end]` lies in the original; an empty range gives an empty span."""
        if isinstance(self.origin, range):
            return Span(start, min(end, len(self.text)))
        places = self.origin[start:end]
        if not places:
            at = self.origin[start] if start < len(self.origin) else (self.origin[-1] + 1 if self.origin else 0)
            return Span(at, at)
        return Span(min(places), max(places) + 1)

    def without(self, gaps: Iterable[tuple[int, int]]) -> "View":
        """This view with some ranges cut out; they come in order and do not overlap."""
        texts: list[str] = []
        origin: list[int] = []
        at = 0
        for start, end in gaps:
            texts.append(self.text[at:start])
            origin.extend(self.origin[at:start])
            at = end
        if not texts:
            return self
        texts.append(self.text[at:])
        origin.extend(self.origin[at:])
        return View("".join(texts), origin)
