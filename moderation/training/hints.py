"""What words say that labels do not: rows of any data set that speak of suicide or threaten.

The data sets were not labelled for self-harm, and hardly for threats, so a row of theirs that tells somebody to kill
himself would teach that such rows are harmless. A telling phrase turns the label; a doubtful one takes it away.
"""

import re
from dataclasses import replace

from moderation.training.rows import Row

_URGES = re.compile(
    r"\b(?:go |just |please )*(?:kill|hang|shoot|off|drown) (?:your|ya|ur) ?sel(?:f|ves)\b|\bkys\b|\bgo (?:and )?die\b"
    r"|\bdrink bleach\b|\bslit (?:your|ur) wrists?\b|\b(?:end|take) your (?:own )?life\b|\bcommit suicide\b"
    r"|\bi (?:just )?(?:want|wanna|wish i could|need) (?:to )?(?:die|kill myself|end my life|end it all)\b"
    r"|\bkill(?:ing)? myself\b|\bi(?:'m| am) suicidal\b|\bi (?:cut|hurt|harm) myself\b",
    re.IGNORECASE,
)
_SELF_HARM = re.compile(
    r"suicid|self.?harm|overdos|\b(?:kill|hang|shoot|off|drown|cut)(?:s|ed|ing|ting)? (?:him|her|my|them)sel(?:f|ves)\b"
    r"|\bwant(?:s|ed)? to die\b|\bend (?:his|her|their|my) life\b|\bkms\b|\bnoose\b|\bcutting myself\b",
    re.IGNORECASE,
)
_THREATENS = re.compile(
    r"\b(?:i|we)(?:'ll| will| am going to|'m going to|m gonna|'m gonna| gonna|'re gonna| swear i'll)"
    r" (?:\w+ )?(?:kill|shoot|stab|murder|strangle|rape|behead|beat|hang|burn|slap|punch|smack|choke|fuck up)"
    r" (?:you|u|ya|him|her|them|that|this|these|those|your|all|every)\b"
    r"|\b(?:should|needs? to|deserves? to|ought to|must) (?:all )?be"
    r" (?:shot|hanged|hung|killed|executed|raped|lynched|beaten|burned|gassed|exterminated)\b"
    r"|\b(?:hope|wish) (?:you|he|she|they|u) (?:all )?(?:die|dies|gets? (?:shot|killed|raped|cancer))\b"
    r"|\bdeath to (?!taxes)",
    re.IGNORECASE,
)
_VIOLENT = re.compile(
    r"\b(?:kill|murder|shoot|stab|rape|lynch|behead|beat (?:the|you|his|her|your)|bomb)", re.IGNORECASE
)


def hinted(row: Row) -> Row:
    """The row with its labels for self-harm and threats mended, where its words demand it."""
    labels, guessed = dict(row.labels), set(row.guessed)
    if _URGES.search(row.text):
        labels["selfharm"] = 0.9
        guessed.add("selfharm")
    elif _SELF_HARM.search(row.text):
        labels.pop("selfharm", None)
    if labels.get("threat", 0.0) < 0.5:
        if _THREATENS.search(row.text):
            labels["threat"] = 0.8
            guessed.add("threat")
        elif labels.get("tox", 0.0) >= 0.5 and _VIOLENT.search(row.text):
            labels.pop("threat", None)
    return row if labels == row.labels else replace(row, labels=labels, guessed=frozenset(guessed))
