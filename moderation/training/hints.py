"""What words say that labels do not: rows of any data set that speak of suicide or of sex, or that threaten.

The data sets were not labelled for self-harm, and hardly for threats, so a row of theirs that tells somebody to kill
himself would teach that such rows are harmless. A telling phrase turns the label; a doubtful one takes it away. Only
one was labelled for sexual text: of the others, rows that name two sexual things are taken to be sexual, and rows that
name none not to be, however they swear.
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
# Each matches one kind of thing that is said of sex and hardly of anything else.
_EXPLICIT = tuple(
    re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
    for words in (
        r"dicks?|cocks?|penis(?:es)?|boners?|erections?",
        r"puss(?:y|ies)|vaginas?|clits?|cunts?",
        r"tits?|titt(?:y|ies)|boobs?|nipples?|breasts",
        r"cum|cumm?ing|cumshots?|jizz|orgasm\w*|creampies?",
        r"porn\w*|xxx|hentai|nudes?|naked|camgirls?|onlyfans|strippers?",
        r"masturbat\w*|jerk(?:s|ed|ing)? (?:me |him )?off|jack(?:s|ed|ing)? off|fap\w*|wank(?:s|ed|ing)?",
        r"dildos?|vibrators?|strap ?ons?|sex toys?",
        r"horny|aroused|slutty|sexy|kinky|bdsm|fetish\w*|threesomes?|orgy|anal|doggy ?style|gangbang\w*",
        r"sex|sexual|sexually|sexting|intercourse|get(?:ting)? laid|hook(?:ed|ing)? up|one night stand",
        r"blow ?jobs?|hand ?jobs?|deep ?throat\w*|(?:give|gave|giving|gives) (?:\w+ )?head|eat(?:s|ing)? (?:\w+ )?out",
        r"suck(?:s|ed|ing)? (?:on )?(?:my|his|her|your|that|this|some|on|a)|lick(?:s|ed|ing)? (?:my|his|her|your|that)",
        r"fuck(?:s|ed|ing)? (?:me|her|him|my|your) (?:hard|raw|again|all|in the|from|like|brains|so good|wife|mom|mum)",
    )
)
# Words that leave open whether a text is sexual.
_LEWD = re.compile(
    r"\b(?:bang(?:s|ed|ing)?|smash(?:ed|ing)?|rap(?:e|es|ed|ing|ist|ists)|molest\w*|grop\w*|creep\w*|p[e3]d[o0]\w*"
    r"|hoes?|whor\w*|sluts?|thots?|virgins?|milfs?|incel\w*|cuck\w*|prostitut\w*|hookers?|daddy|seduc\w*|thirsty"
    r"|body|bod|thighs?|legs?|booty|butt ?\w*|arse|a\$\$|(?:that|dat|nice|fat) ass|ass up|balls|nuts?|rod|seed|tongue"
    r"|panties|underwear|bras?|strip\w*|bed|slept|sleep\w*|lay|laid|bend|bent|ride|kiss\w*|touch\w*|moan\w*|breed\w*"
    r"|suck\w*|lick\w*|swallow\w*|facial|hot(?:ter|test)?|hard|wet|tease|desire"
    r"|fuck(?:s|ed|ing)? (?:her|him|them|girls?|women|bitches|hoes?|me))\b",
    re.IGNORECASE,
)


def _sexual(text: str) -> float | None:
    """0.8 for a text that names at least two kinds of sexual things, 0 for one that names none, None between."""
    named = sum(kind.search(text) is not None for kind in _EXPLICIT)
    if named > 1:
        return 0.8
    return 0.0 if named == 0 and _LEWD.search(text) is None else None


def hinted(row: Row) -> Row:
    """The row with its labels for self-harm and threats mended, and one for sex found, where its words demand it."""
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
    if "sexual" not in labels and (found := _sexual(row.text)) is not None:
        labels["sexual"] = found
        guessed.add("sexual")
    return row if labels == row.labels else replace(row, labels=labels, guessed=frozenset(guessed))
