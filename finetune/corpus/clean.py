"""One post made clean: entities, web addresses, leading mentions, white space, mojibake, NFC. Emoji and quotes stay."""

import html
import re
import unicodedata

import ftfy
from ftfy.badness import is_bad

from finetune.corpus.options import ReadOptions

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"“”]+|\b(?:t\.co|pic\.twitter\.com|bit\.ly|youtu\.be)/\S+")
_LEADING_MENTIONS = re.compile(r"^(?:[\s.]*@[\w.@-]{1,100}:?(?=\s|$))+\s*")
# C0 and C1 controls but tab and newline, the byte-order mark, and lone surrogates. Joiners, variation selectors and
# direction marks stay: emoji families and right-to-left text need them.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\ud800-\udfff]")
_LOST = re.compile(r"[\ufffc\ufffd]")  # what is left where bytes or objects were lost
_MARKS = re.compile(r"<\|[a-z]{1,24}\|>")  # end-of-text and its like: in a post they would be learned as the end
_BLANKS = re.compile(r"[^\S\n]+")
_MANY_NEWLINES = re.compile(r"\n{3,}")
_LINE_ENDS = re.compile(r"\r\n?|[\u2028\u2029\x0b\x0c\x85]")


def clean(text: str, options: ReadOptions) -> str:
    """The post as the model shall learn it; empty when nothing is left. Linear in the length of `text`."""
    text = text.strip()
    if "&" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found.group()), text)
    if not text.isascii():
        if is_bad(text):
            text = ftfy.fix_encoding(text)
        if not unicodedata.is_normalized("NFC", text):
            text = unicodedata.normalize("NFC", text)
        text = _LOST.sub("", text)
    if not text.isprintable():  # a quick look that spares most posts two searches
        text = _CONTROLS.sub("", _LINE_ENDS.sub("\n", text))
    if "<|" in text:
        text = _MARKS.sub(" ", text)
    if not options.keep_mentions and "@" in text:
        text = _LEADING_MENTIONS.sub("", text)
    if not options.keep_urls and ("/" in text or "www." in text):
        text = _URL.sub(" ", text)
    if "  " in text or not text.isprintable():
        text = _BLANKS.sub(" ", text)
    if "\n" in text:
        text = _MANY_NEWLINES.sub("\n\n", re.sub(r" ?\n ?", "\n", text))
    return text.strip()


def every_form(text: str) -> tuple[str, ...]:
    """A post as it came, and as each choice of :class:`ReadOptions` would clean it; each form once."""
    whole = clean(text, _FORMS[-1])
    more = _FORMS if "@" in whole or "/" in whole or "www." in whole else ()
    return tuple(dict.fromkeys([text, whole, *(clean(text, form) for form in more)]))


_FORMS = [ReadOptions(keep_urls=urls, keep_mentions=names) for urls in (False, True) for names in (False, True)]


def why_not(text: str, options: ReadOptions) -> str | None:
    """The reason to leave a cleaned post out, or None."""
    if not text:
        return "empty"
    if len(text) < options.shortest:
        return "too short"
    if len(text) > options.longest:
        return "too long"
    if not any(character.isalpha() for character in text):
        return "no words"
    return None
