"""Records with named fields (JSON, JSONL, Parquet): which field holds the post, and chats taken apart.

Shapes: ``{"text"}`` and every other single field; ``{"prompt", "completion"}``; ``{"messages": [{"role", "content"}]}``
(TRL); ``{"conversations": [{"from", "value"}]}`` (ShareGPT); ``{"instruction", "input", "output"}`` (Alpaca).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finetune.corpus import columns
from finetune.corpus.readers.base import Record, Skipped
from finetune.corpus.row import Row
from finetune.corpus.when import parse_when

PREVIEW = 400  # records the fields are judged by
LONGEST_TOPIC = 200  # characters; a longer prompt is no topic

_PAIRS = (("prompt", "completion"), ("instruction", "output"), ("prompt", "response"), ("question", "answer"))
_CHATS = {"messages": ("role", "content"), "conversations": ("from", "value"), "conversation": ("role", "content")}
_MODEL_ROLES = {"assistant", "gpt", "model", "bot"}

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """How the posts are taken out of the records."""

    kind: str  # "field", "pair", "chat"
    field: str  # the text field, the second of the pair, or the list of messages
    why: str
    names: tuple[str, ...]
    topic: str | None = None  # the first of the pair


def plan(preview: Sequence[Any], wanted: str | None, where: str) -> Plan:
    """The plan for records that begin like `preview`.

    Raises:
        NoTextColumn: no field holds posts, or `wanted` is not there.
    """
    found = [flat(record) for record in preview if isinstance(record, Mapping)]
    names = tuple(dict.fromkeys(name for record in found for name in record))
    if wanted is None:
        for chat in _CHATS:
            if any(isinstance(record.get(chat), list) for record in found):
                return Plan("chat", chat, "a chat; what the model's side says are the posts", names)
        for topic, field in _PAIRS:
            if topic in names and field in names:
                return Plan("pair", field, f"{topic!r} is what was asked for", names, topic)
    table = [[_text(record.get(name)) for name in names] for record in found]
    if not names:
        return Plan("field", "", "each value is a post", ())
    choice = columns.choose(names, table, wanted, where)
    return Plan("field", names[choice.index], choice.why, names)


def rows(records: Iterable[Any], chosen: Plan, source: str) -> Iterator[Record]:
    """The posts in some records."""
    fields = {
        field: chosen.names[index]
        for field, index in columns.fields(chosen.names).items()
        if chosen.names[index] != chosen.field
    }
    for record in records:
        if isinstance(record, Skipped):
            yield record
        elif isinstance(record, str):
            yield Row(text=record, source=source)
        elif not isinstance(record, Mapping):
            yield Skipped("no post", str(record)[:200])
        elif chosen.kind == "chat":
            yield from _chat(record.get(chosen.field), chosen.field, source)
        else:
            found = flat(record)
            text = found.get(chosen.field)
            if isinstance(text, list):
                yield from _chat(text, "messages", source)
            else:
                yield _row(found, _text(text), fields, chosen.topic, source)


def flat(record: Fields) -> dict[str, Any]:
    """The record with one level of nesting written out: ``{"data": {"body": …}}`` as ``{"data.body": …}``."""
    found: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            found.update({f"{name}.{inner}": below for inner, below in value.items()})
        else:
            found[name] = value
    return found


def number(value: object) -> int | None:
    """A count from a number or digits; None when it is none."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return value
    text = str(value).strip()
    return int(text) if text.lstrip("-").isdecimal() and len(text) < 12 else None


def word(value: object) -> str | None:
    """A short name or id as text; None when there is none."""
    return str(value)[:200] if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None


def _row(found: Fields, text: str, fields: Mapping[str, str], topic: str | None, source: str) -> Row:
    def field(name: str) -> Any:
        return found.get(fields[name]) if name in fields else None

    return Row(
        text=text,
        created_at=parse_when(field("created_at")),
        author=word(field("author")),
        source=source,
        source_id=word(field("source_id")),
        lang=word(field("lang")),
        reply_to=word(field("reply_to")),
        likes=number(field("likes")),
        topic=_topic(found.get(topic)) if topic else None,
    )


def _chat(messages: object, shape: str, source: str) -> Iterator[Record]:
    """What the model's side says, each with what it answers as its topic."""
    role_key, text_key = _CHATS[shape]
    asked: str | None = None
    for message in messages if isinstance(messages, list) else []:
        if not isinstance(message, Mapping):
            continue
        text = _text(message.get(text_key))
        if str(message.get(role_key, "")).casefold() in _MODEL_ROLES:
            yield Row(text=text, source=source, topic=_topic(asked))
        else:
            asked = text


def _topic(value: object) -> str | None:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return text if 0 < len(text) <= LONGEST_TOPIC else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None or isinstance(value, list | Mapping) else str(value)
