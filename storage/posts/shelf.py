"""Posts judged in advance, so that somebody who asks is answered at once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, or_, select

from storage.errors import StaleMove
from storage.lifecycle import State
from storage.models import Event, Post
from storage.posts.moves import move


@dataclass(frozen=True, slots=True)
class Stock:
    """What lies on the shelf for one adapter, platform and policy."""

    adapter: str
    adapter_hash: str
    platform: str
    policy: str
    count: int
    oldest: datetime
    newest: datetime


def take(
    session: Session,
    *,
    adapter_hash: str,
    platform: str,
    policy: str,
    who: str,
    now: datetime,
    channel: str | None = None,
    server: str | None = None,
    requester: str | None = None,
    expires_at: datetime | None = None,
    suits: Callable[[str], bool] = lambda text: True,
) -> Post | None:
    """Take the oldest good post off the shelf for somebody; ``None`` when the shelf is empty.

    No two takers get the same post. Posts judged under another policy, and those past their time, stay.

    Args:
        expires_at: when the post, now approved, is too old to send; ``None`` means never.
        suits: whether this taker may have a text; others stay for other takers.
    """
    seen = 0
    query = (
        select(Post)
        .where(
            Post.state == State.SHELVED,
            Post.adapter_hash == adapter_hash,
            Post.platform == platform,
            Post.policy == policy,
            or_(col(Post.expires_at).is_(None), col(Post.expires_at) > now),
        )
        .order_by(col(Post.id))
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    while (found := session.exec(query.where(col(Post.id) > seen)).first()) is not None:
        if not suits(found.text):
            seen = found.number
            continue
        try:
            return move(
                session,
                post_id=found.number,
                expect=State.SHELVED,
                to=State.APPROVED,
                who=who,
                why="taken from the shelf",
                now=now,
                version=found.version,
                channel=channel,
                server=server,
                requester=requester,
                expires_at=expires_at,
            )
        except StaleMove:  # a database without row locks, and another taker was faster
            continue
    return None


def stock(session: Session, *, now: datetime) -> list[Stock]:
    """How much lies on the shelf, and how old it is; posts past their time are not counted."""
    groups = (col(Post.adapter), col(Post.adapter_hash), col(Post.platform), col(Post.policy))
    query = (
        select_columns(*groups, func.count(), func.min(Post.created_at), func.max(Post.created_at))
        .where(col(Post.state) == State.SHELVED, or_(col(Post.expires_at).is_(None), col(Post.expires_at) > now))
        .group_by(*groups)
        .order_by(*groups)
    )
    return [Stock(*row) for row in session.execute(query)]


def outdated(session: Session, *, policy: str, limit: int) -> list[Post]:
    """Shelved posts that another policy judged, oldest first: to be judged again."""
    query = select(Post).where(Post.state == State.SHELVED, Post.policy != policy).order_by(col(Post.id)).limit(limit)
    return list(session.exec(query))


@dataclass(frozen=True, slots=True)
class Wishes:
    """How often people asked one adapter on one platform for any post at all."""

    platform: str
    adapter: str
    taken: int  # answered from the shelf
    written: int  # written while somebody waited


def wishes(session: Session, *, after: int = 0, since: datetime | None = None) -> tuple[int, list[Wishes]]:
    """The number of the last event, and the wishes that could have been, or were, met from the shelf.

    Args:
        after: only events with a larger number: what is new since the last look.
        since: only events at or after this moment.
    """
    last = last_event(session)
    from_shelf = (col(Event.from_state) == State.SHELVED) & (col(Event.to_state) == State.APPROVED)
    on_the_spot = (
        col(Event.from_state).is_(None)
        & (col(Event.to_state) == State.APPROVED)
        & (col(Post.prompt) == "")
        & col(Post.topic).is_(None)
        & col(Post.slot).is_(None)
        & col(Post.requester).like("discord:%")  # the only ear that takes from the shelf
    )
    query = (
        select_columns(col(Post.platform), col(Post.adapter), col(Event.from_state).is_(None), func.count())
        .join(Post, col(Post.id) == col(Event.post_id))
        .where(col(Event.id) > after, col(Event.id) <= last, or_(from_shelf, on_the_spot))
        .group_by(col(Post.platform), col(Post.adapter), col(Event.from_state).is_(None))
    )
    if since is not None:
        query = query.where(col(Event.at) >= since)
    counted: dict[tuple[str, str], list[int]] = {}
    for platform, adapter, born, count in session.execute(query):
        counted.setdefault((platform, adapter), [0, 0])[bool(born)] = count
    return last, [Wishes(*key, taken, written) for key, (taken, written) in sorted(counted.items())]


def last_event(session: Session) -> int:
    """The number of the newest event; 0 when there is none."""
    return session.execute(select_columns(func.max(col(Event.id)))).scalar() or 0
