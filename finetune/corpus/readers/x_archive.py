"""The archive X sends its users: ``data/tweets.js`` and its parts, long posts joined in from ``note-tweet.js``.

Fields and the join as importers do it (timhutton/twitter-archive-parser): a note carries no tweet id, so it is matched
by time (under a second apart) and by the beginning of its text. Direct messages and deleted tweets are never opened.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from finetune.corpus.encoding import open_text
from finetune.corpus.jsonstream import Damaged, skip_assignment, values
from finetune.corpus.readers.base import Input, Records, Skipped
from finetune.corpus.readers.jsons import until_damage
from finetune.corpus.readers.objects import number, word
from finetune.corpus.row import Row
from finetune.corpus.when import parse_when

TWEETS = re.compile(r"(?:^|/)(?:tweets?|community-tweet)(?:-part\d+)?\.js$")
NOTES = re.compile(r"(?:^|/)note-tweet(?:-part\d+)?\.js$")
ACCOUNT = re.compile(r"(?:^|/)account\.js$")
MOST_NOTES = 200_000  # long posts held in memory for the join


@dataclass(slots=True)
class Archive:
    """The files of one archive that are read; nothing else in it is opened."""

    tweets: list[Input]
    notes: list[Input] = field(default_factory=list)
    account: Input | None = None


def read(archive: Archive) -> Records:
    """The account's own posts: no retweets, and no replies to others unless asked for."""
    own = _own_id(archive.account)
    notes = _notes(archive.notes)
    for source in archive.tweets:
        for item in until_damage(items(source), source):
            tweet = item.get("tweet", item)
            if isinstance(tweet, Mapping):
                yield _post(tweet, own, notes, source)
            else:
                yield Skipped("unreadable row")


def items(source: Input) -> Iterator[Mapping[str, Any]]:
    """The objects of one ``window.YTD.… = [...]`` file, which is read as data and never run.

    Raises:
        Damaged: from some place on it is no JSON.
    """
    with source.open() as stream:
        text = open_text(stream, "utf-8-sig")
        skip_assignment(text)
        for _, value in values(text):
            if isinstance(value, Mapping):
                yield value


def _own_id(source: Input | None) -> str | None:
    if source is not None:
        with suppress(Damaged):
            for item in items(source):
                account = item.get("account")
                if isinstance(account, Mapping):
                    return word(account.get("accountId"))
    return None


def _notes(sources: list[Input]) -> dict[int, list[str]]:
    """Second of creation → the long texts of that second."""
    found: dict[int, list[str]] = defaultdict(list)
    count = 0
    for source in sources:
        for item in until_damage(items(source), source):
            note = item.get("noteTweet", item)
            if not isinstance(note, Mapping):
                continue
            bodies = (note.get(key) for key in ("core", "noteTweetResults", "noteTweetContents"))
            text = next((body.get("text") for body in bodies if isinstance(body, Mapping)), None)
            when = parse_when(note.get("createdAt"))
            if isinstance(text, str) and when is not None and count < MOST_NOTES:
                found[int(when.timestamp())].append(text)
                count += 1
    return found


def _post(tweet: Mapping[str, Any], own: str | None, notes: Mapping[int, list[str]], source: Input) -> Row | Skipped:
    text = tweet.get("full_text", tweet.get("text"))
    if not isinstance(text, str):
        return Skipped("no post")
    if text.startswith("RT @"):
        return Skipped("retweet", text)
    answered = word(tweet.get("in_reply_to_user_id_str", tweet.get("in_reply_to_user_id")))
    to = word(tweet.get("in_reply_to_status_id_str", tweet.get("in_reply_to_status_id")))
    replies = bool(answered or to)
    if replies and not source.options.keep_replies and (own is None or answered != own):
        return Skipped("reply to somebody else", text)
    when = parse_when(tweet.get("created_at"))
    if when is not None:
        text = _whole(text, notes, int(when.timestamp()))
    return Row(
        text=_links(text, tweet),
        created_at=when,
        source=source.name,
        source_id=word(tweet.get("id_str", tweet.get("id"))),
        lang=word(tweet.get("lang")),
        reply_to=to or answered,
        likes=number(tweet.get("favorite_count")),
    )


def _whole(text: str, notes: Mapping[int, list[str]], second: int) -> str:
    """The long form of a post that was cut with "…", when a note of its second begins like it."""
    start = re.sub(r"(?:…|\.\.\.)?(?:\s*https://t\.co/\w+)*\s*$", "", text)
    start = start.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
    for near in (second, second - 1, second + 1):
        for note in notes.get(near, ()):
            if len(note) > len(start) and note.startswith(start[:200].rstrip()):
                return note
    return text


def _links(text: str, tweet: Mapping[str, Any]) -> str:
    """The text with shortened links written out, and without the links that stand for pictures."""
    entities = tweet.get("entities")
    if not isinstance(entities, Mapping) or "t.co/" not in text:
        return text
    for kind, to in (("urls", "expanded_url"), ("media", None)):
        listed = entities.get(kind)
        for link in listed[:50] if isinstance(listed, list) else ():
            short = link.get("url") if isinstance(link, Mapping) else None
            if isinstance(short, str) and short:
                text = text.replace(short, str(link.get(to) or short) if to else "")
    return text
