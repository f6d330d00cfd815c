"""What the gate's commands need: the record as cases, the corpus as texts, a gate, a bar."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.settings import Settings
    from generation.adapter import Adapter
    from moderation.gate import Gate
    from moderation.policy import Policy
    from moderation.record import Case
    from storage.models import Post

_PAGE = 500


def newest_adapter(settings: "Settings") -> "Adapter | None":
    """The adapter that speaks, whose training text the gate knows; None when there is none yet."""
    from generation.adapter import find_adapter
    from generation.errors import AdapterError

    try:
        return find_adapter(settings.adapters.folder, settings.adapters.name)
    except AdapterError:
        return None


@contextmanager
def open_bare_gate(policy: "Policy | None" = None) -> "Iterator[Gate]":
    """The embedded gate without the echo index, since one's own posts repeat themselves; closed afterwards."""
    from bot.settings import load_settings
    from moderation.gate import default_gate

    settings = load_settings()
    gate = default_gate(policy or settings.policy, wordlist_file=settings.gate.words)
    try:
        yield gate
    finally:
        gate.close()


def corpus_texts(paths: list[Path]) -> list[str]:
    """The posts in these files, read as training reads them."""
    from finetune.corpus import ReadOptions, read

    return [row.text for row in read(paths, ReadOptions()).rows]


def cases(settings: "Settings", limit: int) -> "list[Case]":
    """The newest posts of the record, with what people decided."""
    from bot.cli.record import open_record
    from storage import posts

    found: list[Post] = []
    with open_record(settings) as database, database.reading() as session:
        while len(found) < limit:
            before = found[-1].id if found else None
            page = posts.find(session, limit=min(_PAGE, limit - len(found)), before_id=before)
            found += page
            if len(page) < _PAGE:
                break
        return [_case(post) for post in found if post.verdict]


def _case(post: "Post") -> "Case":
    from moderation.context import Context
    from moderation.record import Case
    from moderation.verdict import Verdict
    from storage.lifecycle import State

    approved = None if post.decided_by is None else post.state is not State.REJECTED
    context = Context(platform=post.platform, channel=post.channel, server=post.server)
    return Case(post.text, Verdict.from_json(post.verdict), context, approved)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, moved by calling with how many are done."""
    from rich.progress import Progress

    from bot.cli.console import errors

    with Progress(console=errors, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
