"""The names of those who wrote a corpus, for the gate: the bot is not to name them.

What sources call an author is a handle, a display name, an address or an id. Names are taken from it as people would
write them in a post; ids are nobody's name. The adapter keeps their hashes only, salted with the corpus's fingerprint.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from finetune.base import BASES
from finetune.corpus import Corpus
from moderation.filters.names import AUTHORS, NameBook, name_words
from moderation.spelling import vocabulary

LONGEST = 4  # words of a name; more are a sentence
_ADDRESS = re.compile(r"https?://[^/]+/(?:.*/)?@?([^/@]+)/?")  # Mastodon: https://host/users/name
_ACCOUNT = re.compile(r"(?:/?u/|@)?([^@\s]+?)(?:@[^@\s]+|#\d{4})?")  # u/name, @name, name@host, name#1234
_ID = re.compile(r"did:.*|user\d+|\d+")
_BLUESKY = ".bsky.social"
_NOBODY = {"anonymous", "deleted", "deleted account", "deleted user", "unknown", "[deleted]", "[removed]"}


def write_authors(folder: Path, corpus: Corpus) -> int:
    """Write the list for the gate into an adapter's folder; how many names are on it. No names, no file."""
    authors = {row.author for row in corpus.rows if row.author}
    book = NameBook(distinctive(spellings(authors)), salt=corpus.sha256)
    if len(book):
        book.save(folder / AUTHORS)
    return len(book)


def spellings(authors: Iterable[str]) -> Iterator[str]:
    """The names by which a post would call these authors."""
    for author in authors:
        name = author.strip()
        match = _ADDRESS.fullmatch(name) or _ACCOUNT.fullmatch(name)
        name = match[1] if match else name
        if not name or name.casefold() in _NOBODY or _ID.fullmatch(name):
            continue
        yield name
        if name.endswith(_BLUESKY):
            yield name.removesuffix(_BLUESKY)


def distinctive(names: Iterable[str]) -> Iterator[str]:
    """Those names that are no ordinary English: “Just Me” and “Summer” would be found in every other text.

    A word is ordinary that the gate's own vocabulary has, or that is one token of the bundled base in small letters.
    """
    tokenizer = json.loads((BASES / "nib" / "tokenizer.json").read_text("utf-8"))
    ordinary = vocabulary().keys() | {token[1:] for token in tokenizer["model"]["vocab"] if token.startswith("Ġ")}
    for name in names:
        words = name_words(name)
        if words and len(words) <= LONGEST and not ordinary.issuperset(words):
            yield name
