"""The one door out: a platform takes a ``ClearedPost``, and only ``claim`` makes one."""

from collections.abc import Collection
from dataclasses import InitVar, dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, or_, select

from storage.errors import StaleMove
from storage.lifecycle import State
from storage.models import Post
from storage.posts.moves import move

_SEAL = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A post as a platform knows it: enough to look for it there, not enough to send it."""

    id: int
    text: str
    platform: str
    channel: str | None
    server: str | None
    requester: str | None
    key: str  # the same at every attempt: nonce, Idempotency-Key, record key
    attempts: int  # this one included
    created_at: datetime
    sent_at: datetime  # when it was last claimed


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearedPost(Outgoing):
    """Leave to send one post once. Made by ``claim`` alone, from *approved* alone.

    Raises:
        TypeError: somebody else tried to make one.
    """

    seal: InitVar[object] = None

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("only storage.posts.claim makes a ClearedPost")


def claim(session: Session, *, platforms: Collection[str] | None, who: str, now: datetime) -> ClearedPost | None:
    """Take the oldest approved post that is due, for sending; ``None`` when there is none.

    The post is *sending* once the caller's transaction is committed, and only then may the network be touched. Two
    claimers never get the same post: PostgreSQL skips rows that another has locked, SQLite lets one writer in at a
    time, and elsewhere the compare-and-set in ``move`` decides.

    Args:
        platforms: only these; ``None`` means any.
    """
    query = (
        select(Post)
        .where(
            Post.state == State.APPROVED,
            or_(col(Post.not_before).is_(None), col(Post.not_before) <= now),
            or_(col(Post.expires_at).is_(None), col(Post.expires_at) > now),
        )
        .order_by(col(Post.id))
        .limit(1)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if platforms is not None:
        query = query.where(col(Post.platform).in_(platforms))
    while (found := session.exec(query).first()) is not None:
        try:
            post = move(
                session,
                post_id=found.number,
                expect=State.APPROVED,
                to=State.SENDING,
                who=who,
                why=f"attempt {found.attempts + 1}",
                now=now,
                version=found.version,
                attempts=found.attempts + 1,
                not_before=None,
            )
        except StaleMove:  # a database without row locks, and another claimer was faster
            continue
        return ClearedPost(**_outgoing(post), seal=_SEAL)
    return None


def uncertain(session: Session, *, platforms: Collection[str] | None = None) -> list[Outgoing]:
    """The posts of which nobody knows whether they arrived, oldest first, to be looked for on their platforms."""
    query = select(Post).where(Post.state == State.UNCERTAIN).order_by(col(Post.id))
    if platforms is not None:
        query = query.where(col(Post.platform).in_(platforms))
    return [Outgoing(**_outgoing(post)) for post in session.exec(query)]


def recover(session: Session, *, who: str, now: datetime) -> list[Post]:
    """At start, posts left in *sending* by a run that died become *uncertain*; those posts.

    Call it only while this is the only runner (``storage.single.only_runner``): a live runner's posts look the same.
    """
    left = session.exec(select(Post.id).where(Post.state == State.SENDING).order_by(col(Post.id))).all()
    return [
        move(
            session,
            post_id=post_id,
            expect=State.SENDING,
            to=State.UNCERTAIN,
            who=who,
            why="the program stopped while the post was on its way",
            now=now,
        )
        for post_id in left
        if post_id is not None
    ]


def _outgoing(post: Post) -> dict[str, Any]:
    return {
        "id": post.number,
        "text": post.text,
        "platform": post.platform,
        "channel": post.channel,
        "server": post.server,
        "requester": post.requester,
        "key": post.key,
        "attempts": post.attempts,
        "created_at": post.created_at,
        "sent_at": post.updated_at,
    }
