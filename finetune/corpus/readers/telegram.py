"""Telegram Desktop's ``result.json``: one chat, or all of them; only public channels and groups come in."""

from collections.abc import Mapping
from typing import Any

from finetune.corpus.encoding import open_text
from finetune.corpus.jsonstream import Path, values
from finetune.corpus.readers.base import Input, Record, Records, Skipped
from finetune.corpus.readers.jsons import until_damage
from finetune.corpus.readers.objects import word
from finetune.corpus.row import Row
from finetune.corpus.when import parse_when

_ONE_CHAT = ("messages", "*")
_ALL_CHATS = ("chats", "list", "*", "messages", "*")
_INTO = {(), ("messages",), ("chats",), ("chats", "list"), ("chats", "list", "*"), ("chats", "list", "*", "messages")}


def read(source: Input, encoding: str) -> Records:
    """The messages of public chats; a chat that does not say it is public counts as private."""
    public = False

    def descend(path: Path, opening: str) -> bool:
        return path in _INTO

    with source.open() as stream:
        for path, value in until_damage(values(open_text(stream, encoding), descend), source):
            if path in (("type",), ("chats", "list", "*", "type")):
                public = isinstance(value, str) and value.startswith("public_")
            elif path in (_ONE_CHAT, _ALL_CHATS):
                yield _message(value, public, source.name)


def _message(message: Any, public: bool, source: str) -> Record:
    if not isinstance(message, Mapping):
        return Skipped("unreadable row")
    text = _text(message.get("text_entities") or message.get("text"))
    if message.get("type") != "message":
        return Skipped("system message", text)
    if not text.strip():
        return Skipped("empty")
    if not public:
        return Skipped("direct message", text)
    if message.get("forwarded_from"):
        return Skipped("forwarded", text)
    if message.get("via_bot"):
        return Skipped("bot", text)
    return Row(
        text=text,
        created_at=parse_when(message.get("date_unixtime") or message.get("date")),
        author=word(message.get("from")),
        source=source,
        source_id=word(message.get("id")),
        reply_to=word(message.get("reply_to_message_id")),
    )


def _text(parts: object) -> str:
    """Plain text, or the pieces of a formatted one joined."""
    if isinstance(parts, str):
        return parts
    found = parts if isinstance(parts, list) else []
    texts = [part.get("text") if isinstance(part, Mapping) else part for part in found]
    return "".join(text for text in texts if isinstance(text, str))
