"""A Mastodon archive: ``outbox.json``, an ActivityPub collection; boosts and non-public posts are left out."""

from collections.abc import Mapping
from typing import Any

from finetune.corpus.encoding import open_text
from finetune.corpus.jsonstream import values
from finetune.corpus.readers.base import Input, Record, Records, Skipped
from finetune.corpus.readers.hypertext import to_text
from finetune.corpus.readers.jsons import until_damage
from finetune.corpus.readers.objects import word
from finetune.corpus.row import Row
from finetune.corpus.when import parse_when

_PUBLIC = {"https://www.w3.org/ns/activitystreams#Public", "as:Public", "Public"}


def read(source: Input) -> Records:
    """The account's own public and unlisted posts; a content warning stays, as the line before the post."""
    with source.open() as stream:
        for path, value in until_damage(values(open_text(stream, "utf-8-sig")), source):
            if path == ("orderedItems", "*"):
                yield _post(value, source)


def _post(activity: Any, source: Input) -> Record:
    note = activity.get("object") if isinstance(activity, Mapping) else None
    if not isinstance(activity, Mapping):
        return Skipped("unreadable row")
    if activity.get("type") == "Announce":
        return Skipped("boost", note if isinstance(note, str) else "")
    if not isinstance(note, Mapping) or note.get("type") not in ("Note", "Question"):
        return Skipped("no post")
    markup = note.get("content")
    text = to_text(markup) if isinstance(markup, str) else ""
    visibility = _visibility(note)
    if visibility is None:
        return Skipped("private post", text)
    author, answered = word(note.get("attributedTo", activity.get("actor"))), word(note.get("inReplyTo"))
    own_thread = bool(author and answered and answered.startswith(author.rstrip("/") + "/"))
    if answered and not own_thread and not source.options.keep_replies:
        return Skipped("reply to somebody else", text)
    warning = note.get("summary")
    if isinstance(warning, str) and warning.strip():
        text = f"CW: {warning.strip()}\n\n{text}"
    languages = note.get("contentMap")
    return Row(
        text=text,
        created_at=parse_when(note.get("published")),
        author=author,
        source=source.name,
        source_id=word(note.get("id")),
        lang=next(iter(languages), None) if isinstance(languages, Mapping) and len(languages) == 1 else None,
        visibility=visibility,
        reply_to=answered,
    )


def _visibility(note: Mapping[str, Any]) -> str | None:
    """ "public", "unlisted", or None for followers only and direct."""
    for key, name in (("to", "public"), ("cc", "unlisted")):
        listed = note.get(key)
        if _PUBLIC & {item for item in (listed if isinstance(listed, list) else [listed]) if isinstance(item, str)}:
            return name
    return None
