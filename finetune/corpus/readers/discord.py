"""Discord, exported by DiscordChatExporter (one JSON or CSV a channel) or by Discord itself (the data package).

Conversations between people (direct and group messages) never come in; a channel that does not say what it is counts
as one. Bots, joins, pins and calls are left out.
"""

import csv
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from finetune.corpus.encoding import lines, open_text
from finetune.corpus.jsonstream import Damaged, values
from finetune.corpus.readers.base import Input, Record, Records, Skipped
from finetune.corpus.readers.jsons import until_damage
from finetune.corpus.readers.objects import word
from finetune.corpus.row import Row
from finetune.corpus.when import parse_when

CSV_HEADER = ("AuthorID", "Author", "Date", "Content", "Attachments", "Reactions")
_POSTS = {"Default", "Reply"}
_PRIVATE_TYPES = {"DirectTextChat", "DirectGroupTextChat"}  # DiscordChatExporter's ChannelKind
_PACKAGE_PRIVATE = {"1", "3", "DM", "GROUP_DM"}  # Discord's own channel types
_SYSTEM_LINES = ("Joined the server.", "Pinned a message.", "Added ", "Removed ", "Started a call", "Started a thread.")


def read_export(source: Input, encoding: str) -> Records:
    """The messages of a DiscordChatExporter JSON file."""
    private = True
    with source.open() as stream:
        for path, value in until_damage(values(open_text(stream, encoding)), source):
            if path == ("channel",) and isinstance(value, Mapping):
                private = value.get("type") in _PRIVATE_TYPES
            elif path == ("guild",) and isinstance(value, Mapping):
                private = str(value.get("id")) == "0"
            elif path == ("messages", "*"):
                yield _message(value, private, source.name)


def _message(message: Any, private: bool, source: str) -> Record:
    if not isinstance(message, Mapping):
        return Skipped("unreadable row")
    author = message.get("author")
    author = author if isinstance(author, Mapping) else {}
    text = message.get("content")
    if not isinstance(text, str) or not text.strip():
        return Skipped("empty")
    if private:
        return Skipped("direct message", text)
    if message.get("type") not in _POSTS:
        return Skipped("system message", text)
    if author.get("isBot"):
        return Skipped("bot", text)
    reference = message.get("reference")
    return Row(
        text=text,
        created_at=parse_when(message.get("timestamp")),
        author=word(author.get("name")),
        source=source,
        source_id=word(message.get("id")),
        reply_to=word(reference.get("messageId")) if isinstance(reference, Mapping) else None,
        likes=_reactions(message.get("reactions")),
    )


def _reactions(reactions: object) -> int | None:
    if not isinstance(reactions, list):
        return None
    counts = [found.get("count") for found in reactions if isinstance(found, Mapping)]
    return sum(count for count in counts if isinstance(count, int))


def without_system_lines(records: Records, name: str) -> Records:
    """The posts of a DiscordChatExporter CSV, whose joins and pins look like messages; file names tell direct ones."""
    private = name.rpartition("!")[2].rpartition("/")[2].startswith("Direct Messages")
    for record in records:
        if isinstance(record, Row) and private:
            yield Skipped("direct message", record.text)
        elif isinstance(record, Row) and record.text.startswith(_SYSTEM_LINES) and len(record.text) < 60:
            yield Skipped("system message", record.text)
        else:
            yield record


@dataclass(frozen=True, slots=True)
class Channel:
    """One ``messages/c<ID>`` folder of the data package."""

    messages: Input
    about: Input | None  # channel.json


def read_package(channels: list[Channel]) -> Records:
    """The owner's own messages in servers; every channel that is not surely one is left out as private."""
    for channel in channels:
        private = not _is_server(channel.about)
        for record in _package_records(channel.messages):
            if isinstance(record, Skipped):
                yield record
                continue
            found = {key.casefold(): value for key, value in record.items() if isinstance(key, str)}
            text = found.get("contents")
            if not isinstance(text, str) or not text.strip():
                yield Skipped("empty")
            elif private:
                yield Skipped("direct message", text)
            else:
                when = parse_when(found.get("timestamp"))
                yield Row(text=text, created_at=when, source=channel.messages.name, source_id=word(found.get("id")))


def _package_records(source: Input) -> Iterator[Mapping[Any, Any] | Skipped]:
    with source.open() as stream:
        text = open_text(stream, "utf-8-sig")
        if source.name.casefold().endswith(".json"):
            for _, value in until_damage(values(text), source):
                yield value if isinstance(value, Mapping) else Skipped("unreadable row")
            return
        reader = csv.DictReader(lines(text))
        while True:
            try:
                record = next(reader, None)
            except csv.Error:
                yield Skipped("unreadable row")
                continue
            if record is None:
                return
            yield record


def _is_server(about: Input | None) -> bool:
    if about is None:
        return False
    found: dict[str, Any] = {}
    with suppress(Damaged), about.open() as stream:
        found = {path[0]: value for path, value in values(open_text(stream, "utf-8-sig")) if path}
    return "guild" in found and str(found.get("type", "")) not in _PACKAGE_PRIVATE
