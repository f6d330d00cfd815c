"""Who is looking at a held post. A lease is a courtesy with an end, not a change: it has no event."""

from datetime import datetime

from sqlalchemy import CursorResult, Update, update
from sqlmodel import Session, col, or_

from storage.lifecycle import State
from storage.models import Post


def lease(session: Session, *, post_id: int, who: str, until: datetime, now: datetime) -> bool:
    """Take or renew the lease on a held post; whether it was free, over, or already this person's."""
    free = or_(col(Post.lease_until).is_(None), col(Post.lease_until) <= now, col(Post.lease_by) == who)
    held = update(Post).where(col(Post.id) == post_id, col(Post.state) == State.HELD, free)
    return _changed(session, held.values(lease_by=who, lease_until=until))


def release(session: Session, *, post_id: int, who: str) -> bool:
    """Give a lease back before its end; whether there was one."""
    mine = update(Post).where(col(Post.id) == post_id, col(Post.lease_by) == who)
    return _changed(session, mine.values(lease_by=None, lease_until=None))


def _changed(session: Session, statement: Update) -> bool:
    result = session.execute(statement.execution_options(synchronize_session=False))
    assert isinstance(result, CursorResult)
    return bool(result.rowcount == 1)
