"""Letting go of posts that nobody wanted in time."""

from datetime import datetime

from sqlmodel import Session, col, select

from storage.errors import StaleMove
from storage.lifecycle import MOVES, State
from storage.models import Post
from storage.posts.moves import move


def expire(session: Session, *, now: datetime, limit: int = 1000) -> list[Post]:
    """Posts past their time become *expired*; at most ``limit`` of them, oldest first.

    A post that a reviewer is looking at is spared until the lease ends.
    """
    mortal = [state for state, onward in MOVES.items() if State.EXPIRED in onward]
    query = (
        select(Post)
        .where(
            col(Post.state).in_(mortal),
            col(Post.expires_at) <= now,
            col(Post.lease_until).is_(None) | (col(Post.lease_until) <= now),
        )
        .order_by(col(Post.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    gone: list[Post] = []
    for post in session.exec(query).all():
        try:
            gone.append(
                move(
                    session,
                    post_id=post.number,
                    expect=post.state,
                    to=State.EXPIRED,
                    who="upkeep",
                    why=f"nobody wanted it until {post.expires_at:%Y-%m-%d %H:%M} UTC",
                    now=now,
                    version=post.version,
                )
            )
        except StaleMove:  # somebody wanted it after all
            continue
    return gone
