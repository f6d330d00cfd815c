"""Does it speak of self-harm, one's own or somebody's?

Phrases, because the classifier has seen little licensed text on this. Figures of speech ("I wanted to die of shame",
"this hill will kill me") are left alone where they can be told apart.
"""

import re2

from moderation.context import Context
from moderation.filters.phrases import Phrases
from moderation.normalise import Normalised
from moderation.verdict import Decision, Finding

_SELF = r"(?:my|your|him|her|it|one|them|our)sel(?:f|ves)"
_LIFE = r"(?:my|your|his|her|their)(?: own)? li(?:fe|ves)"
_HARMS = (
    r"kill(?:s|ed|ing)?|hang(?:s|ed|ing)?|hung|harm(?:s|ed|ing)?|cut(?:s|ting)?|starv(?:e[ds]?|ing)|shoot(?:s|ing)?|shot"
    r"|unaliv(?:e[ds]?|ing)|poison(?:ed|ing)?|burn(?:ed|t|ing)?"
)
_FIGURES = r"off|out|short|loose|free|laughing|some|a |on |in half"  # "cut myself some slack"
# Some piece of every phrase below, for RE2: most texts have none, and it says so in two microseconds.
_HINT = re2.compile(
    rf"(?:{_HARMS}) {_SELF}|{_LIFE}|suicid|harm|\bk[ym]s\b|to (?:die|be dead|not exist|end it)|dead|born|without me"
    r"|no (?:reason|point)|want to|wrists?\b|overdos|die\b|bleach|ana\b|thinspo"
)
_PHRASES = Phrases(
    "|".join(
        (
            rf"\b(?:{_HARMS}) {_SELF}(?! (?:{_FIGURES}))",
            rf"\b(?:end(?:ed|ing)?|tak(?:e|en|ing)|took) {_LIFE}(?! (?:in|for|back|savings|seriously|on|to|as|story))",
            r"\bsuicid(?:e[ds]?|al)\b",
            r"\bself[- ]?harm(?:s|ed|ing)?\b",
            r"\bk[ym]s\b",
            r"\b(?:want(?:s|ed)?|wish(?:es|ed)?|ready|going|plan(?:s|ned|ning)?) to"
            r" (?:die|be dead|not exist|end it all)"
            r"(?! (?:of|laughing|on the spot|happy|there and then|young))\b",
            r"\b(?:wish|wished) i (?:was|were|had never been) (?:dead|born)\b",
            r"\bbetter off (?:dead|without me)\b",
            r"\bno (?:reason|point) (?:to live|(?:in )?(?:living|going on|being alive))\b",
            r"\bnot want to (?:live|be alive|wake up)\b",
            r"\bdon'?t want to (?:live|be alive|be here) any ?more\b",
            r"\b(?:slit|slitting|cut|cutting) (?:my|your|her|his) wrists?\b",
            r"\boverdos(?:e[ds]?|ing)\b",
            r"\bgo (?:and )?die\b",
            r"\bdrink bleach\b",
            r"\b(?:pro[- ]?ana|thinspo)\b",
        )
    )
)


class SelfHarmFilter:
    """Phrases about suicide, self-injury, and telling others to do it."""

    name = "selfharm"
    version = "1"

    def judge(self, text: Normalised, context: Context) -> list[Finding]:
        """At most one finding, at the first phrase."""
        if text.words is text.folded and not _HINT.search(text.text):
            return []
        view, matches = next(_PHRASES.find(text), (text.words, []))
        if not matches:
            return []
        reason = "It speaks of self-harm; a person should read it."
        return [Finding(self.name, "selfharm", Decision.HOLD, reason, view.span(*matches[0].span()))]
