"""A post changes: always compare-and-set, always with its event."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, update
from sqlmodel import Session, col, select

from storage import events
from storage.errors import IllegalMove, PostNotFound, StaleMove
from storage.lifecycle import MOVES, State
from storage.models import Post

#: What may change after birth. How a text was made never does.
# fmt: off
CHANGEABLE = frozenset({
    "text", "original_text", "verdict", "decision", "policy", "channel", "server", "requester", "expires_at",
    "not_before", "lease_by", "lease_until", "decided_by", "decided_at", "attempts", "remote_id", "remote_url",
    "published_at",
})
# fmt: on


def move(
    session: Session,
    *,
    post_id: int,
    expect: State,
    to: State,
    who: str,
    why: str,
    now: datetime,
    version: int | None = None,
    detail: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Post:
    """Take a post from one state to another, and write down who did it and why.

    A move out of *held* ends the lease and notes the decider; ``version`` also demands that nothing changed since
    the caller read it. ``changes`` are columns to set in the same stroke.

    Raises:
        IllegalMove: the lifecycle has no such move.
        PostNotFound: no such post.
        StaleMove: the post is no longer in ``expect`` (or at ``version``); nothing was changed.
    """
    if to not in MOVES[expect]:
        raise IllegalMove(f"No post may go from {expect} to {to}.")
    if expect is State.HELD:
        changes = {"lease_by": None, "lease_until": None, "decided_by": who, "decided_at": now} | changes
    return _change(session, post_id, expect, to, who, why, now, version, detail, changes)


def amend(
    session: Session,
    *,
    post_id: int,
    expect: State,
    who: str,
    why: str,
    now: datetime,
    version: int | None = None,
    detail: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Post:
    """Change a post's content without moving it (an edit, a new verdict); written down like a move.

    Raises:
        IllegalMove: the post's life is over in that state.
        PostNotFound: no such post.
        StaleMove: the post is no longer in ``expect`` (or at ``version``).
    """
    if expect.final:
        raise IllegalMove(f"A post that is {expect} does not change any more.")
    return _change(session, post_id, expect, expect, who, why, now, version, detail, changes)


def get(session: Session, post_id: int, *, lock: bool = False) -> Post:
    """One post as it stands now; ``lock`` keeps other writers off it until this transaction ends.

    Raises:
        PostNotFound: no such post.
    """
    query = select(Post).where(Post.id == post_id).execution_options(populate_existing=True)
    # SQLite has no row locks and needs none: a session that may write holds the whole database's.
    post = session.exec(query.with_for_update() if lock else query).first()
    if post is None:
        raise PostNotFound(f"There is no post {post_id}: 'confess posts' lists them.")
    return post


def _change(
    session: Session,
    post_id: int,
    expect: State,
    to: State,
    who: str,
    why: str,
    now: datetime,
    version: int | None,
    detail: Mapping[str, Any] | None,
    changes: Mapping[str, Any],
) -> Post:
    unknown = set(changes) - CHANGEABLE
    if unknown:
        raise TypeError(f"these columns never change after birth: {', '.join(sorted(unknown))}")
    statement = update(Post).where(col(Post.id) == post_id, col(Post.state) == expect)
    if version is not None:
        statement = statement.where(col(Post.version) == version)
    values = dict(changes) | {"state": to, "version": Post.version + 1, "updated_at": now}
    result = session.execute(
        statement.values(values).execution_options(synchronize_session=False)  # read afresh below
    )
    assert isinstance(result, CursorResult)
    if result.rowcount != 1:
        found = get(session, post_id)
        raise StaleMove(f"Post {post_id} is {found.state} (version {found.version}) by now, not {expect}.")
    events.record(session, post_id=post_id, at=now, who=who, from_state=expect, to_state=to, why=why, detail=detail)
    session.flush()
    return get(session, post_id)
