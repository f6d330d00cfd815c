"""A post in HTML to the text a person reads."""

import re
from html.parser import HTMLParser

LONGEST = 100_000  # characters of markup; a post has a few thousand, and broken markup may cost quadratic time
_BLOCKS = {"p", "div", "li", "blockquote", "pre", "h1", "h2", "h3"}
_SILENT = {"script", "style"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0
        self._link: str | None = None  # address to give in place of a shortened link's text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self.parts.append("\n")
        elif tag in _BLOCKS and self.parts:
            self.parts.append("\n\n")
        elif tag in _SILENT:
            self._silent += 1
        elif tag == "a":
            found = dict(attrs)
            kinds = (found.get("class") or "").split() + (found.get("rel") or "").split()
            if not {"mention", "hashtag", "tag"} & set(kinds):
                self._link = found.get("href") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._link is not None:
            self.parts.append(self._link)
            self._link = None
        elif tag in _SILENT and self._silent:
            self._silent -= 1

    def handle_data(self, data: str) -> None:
        if self._link is None and not self._silent:
            self.parts.append(data)


def to_text(markup: str) -> str:
    """`markup` without tags: breaks and paragraphs as newlines, mentions and tags as written, links as addresses."""
    reader = _Reader()
    reader.feed(markup[:LONGEST])
    reader.close()
    return re.sub(r"\n{3,}", "\n\n", "".join(reader.parts)).strip()
