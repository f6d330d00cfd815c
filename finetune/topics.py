"""The word a post is about, for the ``about: …`` header it may be trained with.

One content word of the post itself, so that the model learns that the header foretells the text. Which word, and
whether there is a header at all, depends on the seed and the text only: the same corpus gives the same headers.
"""

import hashlib
import re

LONGEST = 60  # characters of a topic

_WORD = re.compile(r"[^\W\d_]{4,}(?:['’][^\W\d_]+)?")
# Function words and words that say nothing of the matter; of four letters and more, as shorter ones never count.
_EMPTY_WORDS = """
about above actually after again against ain't almost alone already also although always another anymore anyone
anything around asked away back because been before began being believe below best better between both came can't
cannot come comes could couldn't didn't does doesn't doing done don't down during each either else enough even ever
every everyone everything feel feels felt find finally first five found four from gave gets getting give gives goes
going gone good gotten great hadn't half happen happened hasn't hate have haven't having he'd he'll he's her here hers
herself himself his however i'd i'll i'm i've instead into isn't it's its itself just keep keeps kept kind knew know
known knows last later least left less let's like liked likes little long look looked looking looks lots love loved
made make makes making many maybe mean means might mine more most mostly much must myself need needed needs neither
never next none nobody nothing often okay once only onto other others ought over part people perhaps please pretty
probably quite rather really right said same says seem seemed seems seen several shall she'd she'll she's should
shouldn't since some somebody someone something sometimes somewhere soon sort still stop stopped such sure take taken
takes taking tell than thank that that's their theirs them themselves then there there's these they they'd they'll
they're they've thing things think thinks this those though thought three through time times today together told
tomorrow tonight took toward tried truly trying twice under unless until upon used very want wanted wants wasn't we'd
we'll we're we've well went were weren't what what's whatever when where which while who's whole whom whose will wish
with within without won't would wouldn't year years yesterday you'd you'll you're you've your yours yourself
"""
_EMPTY = frozenset(_EMPTY_WORDS.split())


def keywords(post: str) -> list[str]:
    """Content words of a post, lower case, in order, each once."""
    words = (word.lower().replace("’", "'") for word in _WORD.findall(post))
    return list(dict.fromkeys(word.removesuffix("'s") for word in words if word not in _EMPTY))


def topic_for(post: str, *, share: float, seed: int, given: str | None = None) -> str | None:
    """The topic a post is trained with, or None for a post that gets no header.

    Args:
        post: the text.
        share: of posts that get a header, 0 to 1.
        seed: of the choice.
        given: the topic that the corpus itself names; it is used where it is short and on one line.
    """
    digest = hashlib.blake2b(f"{seed}\n{post}".encode(errors="replace"), digest_size=8).digest()
    draw = int.from_bytes(digest, "big")
    given = given.strip() if given else ""
    words = [given] if given and len(given) <= LONGEST and "\n" not in given else keywords(post)
    if not words or (draw >> 32) / 2**32 >= share:
        return None
    return words[(draw & 0xFFFFFFFF) % len(words)]
