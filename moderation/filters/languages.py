"""Which language is this, if plainly not a welcome one? A cheap, careful guess.

Scripts tell most languages apart; among those in Latin letters, small words do. Our own short lists, chosen so that
no word is common in two of them. A short text gives no answer: a wrong guess would hold a good post.
"""

import re
from collections import Counter
from collections.abc import Sequence

_NOT_LATIN = re.compile("[\u0370-\u1dff\u2c00-\u2dff\u2e80-\ua71f\ua800-\uab2f\uabc0-\ufaff\ufb1d-\ufdff\ufe70-\ufeff]")
_MIN_LETTERS = 12  # of another script
_MIN_WORDS = 6
_MIN_SMALL_WORDS = 3

_SCRIPTS = (
    ("Greek", 0x0370, 0x03FF, "el"),
    ("Russian or another language in Cyrillic letters", 0x0400, 0x052F, "ru uk bg sr mk be"),
    ("Armenian", 0x0530, 0x058F, "hy"),
    ("Hebrew", 0x0590, 0x05FF, "he yi"),
    ("Arabic or another language in Arabic letters", 0x0600, 0x077F, "ar fa ur"),
    ("Hindi or another language in Devanagari", 0x0900, 0x097F, "hi mr ne"),
    ("Thai", 0x0E00, 0x0E7F, "th"),
    ("Georgian", 0x10A0, 0x10FF, "ka"),
    ("Japanese", 0x3040, 0x30FF, "ja"),
    ("Chinese or Japanese", 0x4E00, 0x9FFF, "zh ja"),
    ("Korean", 0xAC00, 0xD7AF, "ko"),
)
_SMALL_WORDS = {
    "en": ("English", "the and of to is was that it for with you my have this not but they his her be are at i"),
    "de": ("German", "der und das ist nicht ich ein eine mit sich auf den dem wir sie zu auch von wie aber wenn noch"),
    "fr": ("French", "le la les et est une des je pas que qui dans pour avec sur elle nous vous mais mon"),
    "es": ("Spanish", "el los las y es una del que por con para mi pero como yo muy cuando mas nos esta hay ella"),
    "pt": ("Portuguese", "os uma nao que em para com eu meu minha ele ela mas muito quando isso foi voce dos das pelo"),
    "it": ("Italian", "il gli che di e una non per con sono della mio mia ma anche come quando piu nel questo alla"),
    "nl": ("Dutch", "het een en van ik niet dat op voor met zijn maar ook mijn haar wij naar als bij nog heb dit"),
    "sv": ("Swedish", "och att det som jag ett inte med av den har hade min mitt han hon var till om nar vi"),
    "pl": ("Polish", "nie sie jest ze na to jak ale mam moj moja byl byla przez tylko juz ktory czy tak dla"),
    "id": ("Indonesian", "yang dan di itu saya tidak dengan untuk ini aku dia ada dari akan sudah ke bisa orang"),
    "tr": ("Turkish", "ve bir bu icin ben cok ama ne da de gibi daha var yok sonra benim kadar oldu degil"),
}
_NAMES = {code: name for code, (name, _) in _SMALL_WORDS.items()}
_CODES: dict[str, list[str]] = {}
for _code, (_, _words) in _SMALL_WORDS.items():
    for _word in _words.split():
        _CODES.setdefault(_word, []).append(_code)


def foreign_language(original: str, words: Sequence[str], welcome: tuple[str, ...]) -> str | None:
    """The name of the language when the text is plainly in none of the `welcome` ones (ISO 639-1), else None.

    Scripts are told from the `original`, small words from the folded `words`, which have lost their accents.
    """
    if not welcome:
        return None
    if not original.isascii():
        strange = _NOT_LATIN.findall(original)
        if len(strange) >= _MIN_LETTERS and 2 * len(strange) >= sum(map(str.isalpha, original)):
            return _script(strange[0], welcome)
    if len(words) < _MIN_WORDS:
        return None
    counts = Counter(code for word in words if word in _CODES for code in _CODES[word])
    if not counts:
        return None
    at_home = max(counts[code] for code in welcome)
    best = max(counts, key=lambda code: counts[code])
    if best in welcome or counts[best] < _MIN_SMALL_WORDS or counts[best] < 2 * at_home + 1:
        return None
    return _NAMES[best]


def _script(letter: str, welcome: tuple[str, ...]) -> str | None:
    for name, first, last, codes in _SCRIPTS:
        if first <= ord(letter) <= last:
            return None if set(codes.split()) & set(welcome) else name
    return "another script"
