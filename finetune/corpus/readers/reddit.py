"""Reddit dumps, one JSON object a line (Pushshift, Watchful1/PushshiftDumps): comments and submissions."""

from collections.abc import Mapping
from typing import Any

from finetune.corpus.readers.base import Input, Record, Records, Skipped
from finetune.corpus.readers.jsons import line_objects
from finetune.corpus.readers.objects import number, word
from finetune.corpus.row import Row
from finetune.corpus.when import parse_when

_GONE = {"[deleted]", "[removed]", "[deleted by user]", "[ removed by reddit ]"}
_BOTS = {"automoderator", "remindmebot", "imguralbumbot", "sneakpeekbot", "totesmessenger", "gifreversingbot"}


def is_reddit(record: Mapping[str, Any]) -> bool:
    """Whether an object is a comment or a submission of a dump."""
    return "subreddit" in record and ("body" in record or "title" in record)


def read(source: Input, encoding: str) -> Records:
    """Comments (``body``) and submissions (``title``, and ``selftext`` below it)."""
    for record in line_objects(source, encoding):
        yield record if isinstance(record, Skipped) else _post(record, source.name)


def _post(record: Mapping[str, Any], source: str) -> Record:
    parts = [record.get("body")] if "body" in record else [record.get("title"), record.get("selftext")]
    texts = [part for part in parts if isinstance(part, str) and part.strip()]
    text = "\n".join(part for part in texts if part.strip().casefold() not in _GONE)
    author = word(record.get("author")) or ""
    if not text or author in _GONE:
        return Skipped("deleted", "\n".join(texts))
    if author.casefold() in _BOTS or author.casefold().endswith(("-bot", "_bot")):
        return Skipped("bot", text)
    if record.get("subreddit_type") in ("private", "employees_only"):
        return Skipped("private post", text)
    return Row(
        text=text,
        created_at=parse_when(record.get("created_utc")),
        author=author or None,
        source=source,
        source_id=word(record.get("id")),
        reply_to=word(record.get("parent_id")),
        likes=number(record.get("score")),
    )
