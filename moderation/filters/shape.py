"""Is this a well-formed post? Structure only: no word is judged here."""

import re
from collections.abc import Iterator
from itertools import pairwise

import re2
from ftfy.badness import is_bad

from moderation.context import Context
from moderation.filters.languages import foreign_language
from moderation.normalise import Normalised
from moderation.policy import Shape
from moderation.verdict import Decision, Finding, Span

_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ue000-\uf8ff\ufff9-\ufffb\ufffe\uffff]")
_HIDDEN = re.compile("(?<=[A-Za-z])[\u00ad\u034f\u115f\u1160\u180e\u200b-\u200d\u2060-\u2064\ufeff]+(?=[A-Za-z])")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_FLAG = re.compile("\U0001f3f4[\U000e0061-\U000e007a]{2,6}\U000e007f")  # England, Scotland, Wales
_TAGS = re.compile("[\U000e0000-\U000e007f]+")
_ZALGO = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3,}")
_LONG = re.compile(r"\S{20,}")
_VERY_LONG = re2.compile(r"\S{20}")
_STUCK = re.compile(r"([^.\-=*_~])\1{19,}|([^.\-=*_~]{2,6}?)\2{11,}")
_WORD = re.compile(r"[^\W_]+")
_EVERYONE = re.compile(r"@\s?(?:everyone|here)\b|<@&\d+>")
_MENTION = re.compile(r"(?<![\w@.])@[A-Za-z_]\w{1,30}(?![\w.]*\.[a-z])|<@!?\d+>")
_INVITE = re.compile(
    r"(?:discord(?:app)?\s?(?:\.|\bdot\b)\s?(?:gg|com\s?/\s?invite|me|io)|dsc\s?\.\s?gg|invite\s?\.\s?gg|t\.me|telegram\.me"
    r"|chat\.whatsapp\.com)\s?/\s?\S+"
)
_MASKED = re.compile(r"\[[^\]\n]{1,200}\]\(\s*<?[a-z][a-z0-9+.\-]*:[^)\s]{1,500}>?[^)\n]{0,100}\)|<a\s[^>]{0,500}href")
_LINK = re.compile(
    r"\b(?:https?|ftp)\s?:\s?//\s?([^\s/?#<>\"')\]]{1,253})"
    r"|(?<![\w@.\-])((?:[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?\.){1,4}"
    r"(?:com|net|org|io|co|uk|gg|me|ly|ru|cn|de|fr|eu|info|biz|xyz|top|site|online|shop|app|dev|tv|link|click|onion))"
    r"(?![\w\-]|\.\w)"
)
_LINK_HINT = re2.compile(r"[a-z0-9]\.[a-z]|://|: //|\]\(|<a\s|discord|(?:dsc|invite) \.")
_INCHES = re.compile(r'\d"')  # 5'10": one of the quotation marks is none
_LOOPS = {1: 6, 2: 4, 3: 3, 4: 3, 5: 3, 6: 3, 7: 3, 8: 3}  # words in the phrase → times in a row that are too many


class ShapeFilter:
    """Empty, too long, unreadable, stuck, or carrying mentions and links that nobody asked for."""

    name = "shape"
    version = "1"

    def __init__(self, shape: Shape | None = None) -> None:
        """`shape` is the policy's idea of a well-formed post."""
        self._shape = shape or Shape()
        self._hosts = tuple(host.lower().lstrip(".") for host in self._shape.links)

    def judge(self, text: Normalised, context: Context) -> list[Finding]:
        """One finding for each thing that is wrong; a prompt need not be a whole, balanced text."""
        found = [*self._size(text), *_reach(text, self._shape), *self._links(text)]
        if not text.original.isascii() or _CONTROL.search(text.original):
            found += _characters(text)
        if context.role != "prompt":
            found += self._prose(text)
        return found

    def _size(self, text: Normalised) -> Iterator[Finding]:
        limit = self._shape.max_characters
        if not any(map(str.isalnum, text.folded.text)):
            yield _finding("empty", "There are no words in it.")
        if len(text.original) > limit:
            reason = f"It is {len(text.original)} characters long; at most {limit} are wanted."
            yield _finding("too-long", reason, Span(limit, len(text.original)))

    def _links(self, text: Normalised) -> Iterator[Finding]:
        folded = text.folded
        if not _LINK_HINT.search(folded.text):
            return
        if masked := _MASKED.search(folded.text):
            yield _finding("masked-link", "A link hides behind other words.", folded.span(*masked.span()))
        if invite := _INVITE.search(folded.text):
            yield _finding("invite", "It invites people to another server.", folded.span(*invite.span()))
        for link in _LINK.finditer(folded.text):
            host = (link[1] or link[2]).rpartition("@")[2].partition(":")[0].strip(".")
            if not any(host == allowed or host.endswith(f".{allowed}") for allowed in self._hosts):
                yield _finding("link", f"It links to {host}, which is not on the list.", folded.span(*link.span()))
                return

    def _prose(self, text: Normalised) -> Iterator[Finding]:
        original = text.original
        if long := _stuck(text):
            yield _finding("loop", "It is stuck on the same letters.", long)
        elif loop := _loop(text):
            yield loop
        unclosed = original.count('"') % 2 == 1 and not _INCHES.search(original)
        if unclosed or original.count("“") != original.count("”"):
            yield _finding("quotes", "A quotation is opened and never closed.")
        language = foreign_language(original, text.tokens, self._shape.languages)
        if language is not None:
            yield _finding("language", f"It seems to be written in {language}.")


def _characters(text: Normalised) -> Iterator[Finding]:
    """Characters that have no business in a post."""
    original = text.original
    if control := _CONTROL.search(original):
        yield _finding("control", "It contains control characters.", Span(*control.span()))
    if hidden := _HIDDEN.search(original):
        yield _finding("hidden", "Invisible characters split a word.", Span(*hidden.span()))
    if bidi := _BIDI.search(original):
        yield _finding("bidi", "It contains characters that turn the direction of the text.", Span(*bidi.span()))
    flags = {place for flag in _FLAG.finditer(original) for place in range(*flag.span())}
    if tags := next((tag for tag in _TAGS.finditer(original) if tag.start() not in flags), None):
        yield _finding("tags", "It hides text in invisible tag characters.", Span(*tags.span()))
    if zalgo := _ZALGO.search(original):
        yield _finding("zalgo", "Letters carry stacks of marks.", Span(*zalgo.span()))
    if "\ufffd" in original or is_bad(original):
        yield _finding("mojibake", "Its characters are garbled: it was decoded wrongly somewhere.")


def _stuck(text: Normalised) -> Span | None:
    """The first long word that is a few letters over and over."""
    folded = text.folded
    if not _VERY_LONG.search(folded.text):
        return None
    return next(
        (folded.span(*long.span()) for long in _LONG.finditer(folded.text) if _STUCK.search(long.group())), None
    )


def _reach(text: Normalised, shape: Shape) -> Iterator[Finding]:
    """Mentions that ring too many bells."""
    folded = text.folded
    if "@" not in folded.text:
        return
    if everyone := _EVERYONE.search(folded.text):
        yield _finding("mass-mention", "It calls everyone.", folded.span(*everyone.span()))
    mentions = list(_MENTION.finditer(folded.text))
    if len(mentions) > shape.max_mentions:
        reason = f"It mentions {len(mentions)} accounts; at most {shape.max_mentions} are wanted."
        yield _finding("mass-mention", reason, folded.span(mentions[0].start(), mentions[-1].end()))


def _loop(text: Normalised) -> Finding | None:
    """The first phrase of up to eight words said over and over. Linear: eight passes over the words."""
    said = text.tokens
    pairs = set(pairwise(said))
    if len(said) - 1 - len(pairs) < 4:  # the shortest loop below repeats four pairs of words
        return None
    words = list(_WORD.finditer(text.folded.text))
    for size, times in _LOOPS.items():
        same = 0
        for place in range(size, len(said)):
            same = same + 1 if said[place] == said[place - size] else 0
            if same >= size * (times - 1):
                start, end = words[place - size * times + 1].start(), words[place].end()
                phrase = " ".join(said[place - size + 1 : place + 1])
                return _finding("loop", f"It says “{phrase}” over and over.", text.folded.span(start, end))
    return None


def _finding(category: str, reason: str, span: Span | None = None) -> Finding:
    return Finding(ShapeFilter.name, category, Decision.HOLD, reason, span)
