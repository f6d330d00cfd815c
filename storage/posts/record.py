"""Reading the record."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from storage.lifecycle import State
from storage.models import Event, Post

#: The texts that people have seen or may yet see.
ALIVE = frozenset(
    {State.SHELVED, State.APPROVED, State.HELD, State.SENDING, State.UNCERTAIN, State.PUBLISHED, State.WITHDRAWN}
)


def find(
    session: Session,
    *,
    states: Collection[State] | None = None,
    platform: str | None = None,
    adapter: str | None = None,
    limit: int = 100,
    before_id: int | None = None,
) -> list[Post]:
    """The newest posts that match, newest first.

    Args:
        adapter: name or fingerprint (or the beginning of one) of the adapter.
        before_id: only older ones, for the next page.
    """
    query = select(Post).order_by(col(Post.id).desc()).limit(limit)
    if states is not None:
        query = query.where(col(Post.state).in_(states))
    if platform is not None:
        query = query.where(Post.platform == platform)
    if adapter is not None:
        query = query.where(
            (col(Post.adapter) == adapter) | col(Post.adapter_hash).startswith(adapter, autoescape=True)
        )
    if before_id is not None:
        query = query.where(col(Post.id) < before_id)
    return list(session.exec(query))


def waiting(session: Session, *, platform: str | None = None, limit: int = 100, after_id: int = 0) -> list[Post]:
    """Held posts with a number above ``after_id``, longest waiting first."""
    query = select(Post).where(Post.state == State.HELD, col(Post.id) > after_id).order_by(col(Post.id)).limit(limit)
    if platform is not None:
        query = query.where(Post.platform == platform)
    return list(session.exec(query))


def counts(
    session: Session, *, states: Collection[State] = tuple(State), platform: str | None = None
) -> dict[State, int]:
    """How many posts stand in each of the states; each is there, if only with a 0."""
    query = select(Post.state, func.count()).where(col(Post.state).in_(states)).group_by(col(Post.state))
    if platform is not None:
        query = query.where(Post.platform == platform)
    return dict.fromkeys(states, 0) | {State(state): count for state, count in session.exec(query)}


def events(session: Session, post_id: int) -> Sequence[Event]:
    """The events of a post, oldest first."""
    return session.exec(select(Event).where(Event.post_id == post_id).order_by(col(Event.id))).all()


def held_because(session: Session, post_id: int) -> str | None:
    """Why a post was last held, when it was something else before (a send that nobody can find, a new policy)."""
    query = (
        select(Event.why)
        .where(
            Event.post_id == post_id,
            Event.to_state == State.HELD,
            col(Event.from_state).is_not(None),
            Event.from_state != State.HELD,
        )
        .order_by(col(Event.id).desc())
    )
    return session.exec(query).first()


def recent_texts(session: Session, *, since: datetime, states: Collection[State] = ALIVE) -> list[str]:
    """Texts born at or after ``since``, newest first, so that nothing is told twice."""
    query = (
        select(Post.text)
        .where(Post.created_at >= since, col(Post.state).in_(states))
        .order_by(col(Post.created_at).desc(), col(Post.id).desc())
    )
    return list(session.exec(query))


def slots(session: Session, *, since: datetime) -> set[str]:
    """The planned moments that got a post at or after ``since``."""
    query = select(Post.slot).where(Post.created_at >= since, col(Post.slot).is_not(None))
    return {slot for slot in session.exec(query) if slot is not None}
