"""A person decides on a held post: the one file in which moderation touches the record.

Two reviewers never decide twice. Whoever looks holds the post for ten minutes; whoever decides does so in one
compare-and-set with its event; the loser is told who was first, and when. Every door (Discord, web page, terminal)
comes through here.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from sqlmodel import Session

from moderation.errors import AlreadyDecided, ChangedSince, EditRefused, LeasedByOther, NotFound, ReviewError
from moderation.verdict import Decision, Verdict
from storage import posts
from storage.db import Database
from storage.errors import PostNotFound, StaleMove
from storage.lifecycle import State
from storage.models import Post

#: How long a look keeps others from deciding.
LEASE = timedelta(minutes=10)
#: A yes at the last moment still leaves the publisher this long, retries included.
TIME_TO_SEND = timedelta(days=1)


def queue(db: Database, *, platform: str | None = None, limit: int = 100) -> list[Post]:
    """The held posts, longest waiting first, also those that somebody is looking at (``lease_by``)."""
    with db.reading() as session:
        return posts.waiting(session, platform=platform, limit=limit)


def look_next(db: Database, *, who: str, now: datetime, after: int = 0, platform: str | None = None) -> Post | None:
    """Take the longest waiting post that nobody else looks at; ``None`` when there is none.

    Args:
        after: only posts with a larger number, so that those skipped before do not come back.
    """
    while True:
        with db.reading() as session:
            page = posts.waiting(session, platform=platform, limit=20, after_id=after)
        for post in page:
            if post.lease_until is None or post.lease_until <= now or post.lease_by == who:
                with suppress(ReviewError):  # somebody was faster
                    return look(db, post_id=post.number, who=who, now=now)
        if not page:
            return None
        after = page[-1].number


def look(db: Database, *, post_id: int, who: str, now: datetime) -> Post:
    """Take a held post to look at; for ten minutes nobody else may decide on it. Again by the same person: renewed.

    Raises:
        NotFound: there is no such post.
        AlreadyDecided: it is not held any more.
        LeasedByOther: somebody else is looking at it.
    """
    with _deciding(db, post_id) as session:
        if not posts.lease(session, post_id=post_id, who=who, until=now + LEASE, now=now):
            _must_be_free(posts.get(session, post_id), who, now)
        return posts.get(session, post_id)


def leave(db: Database, *, post_id: int, who: str) -> None:
    """Stop looking without deciding, so that somebody else may."""
    with db.session() as session:
        posts.release(session, post_id=post_id, who=who)


def approve(db: Database, *, post_id: int, who: str, why: str, now: datetime, version: int | None = None) -> Post:
    """Let a held post out.

    Args:
        why: may be empty: a yes needs no reason.
        version: the version that the reviewer saw; ``None`` for whatever stands there.

    Raises:
        NotFound, AlreadyDecided, LeasedByOther: as for :func:`look`.
        ChangedSince: the post was edited after this version.
    """
    return _decide(db, post_id, State.APPROVED, who, why or "approved", now, version)


def reject(db: Database, *, post_id: int, who: str, why: str, now: datetime, version: int | None = None) -> Post:
    """Keep a held post in for good.

    Raises:
        ReviewError: no reason was given.
        NotFound, AlreadyDecided, LeasedByOther, ChangedSince: as for :func:`approve`.
    """
    if not why.strip():
        raise ReviewError(f"Rejecting post {post_id} needs a reason: the gate is tuned by it.")
    return _decide(db, post_id, State.REJECTED, who, why, now, version)


def edit(
    db: Database,
    *,
    post_id: int,
    text: str,
    verdict: Verdict,
    who: str,
    why: str,
    now: datetime,
    version: int | None = None,
) -> Post:
    """Put a person's wording in the place of the model's. The post stays held, and is still to be approved.

    What the model wrote is kept in ``original_text``, each wording in the event. The lease is taken or renewed.

    Args:
        verdict: the gate's, on the new text.

    Raises:
        EditRefused: the new text is empty, or the gate blocks it.
        NotFound, AlreadyDecided, LeasedByOther, ChangedSince: as for :func:`approve`.
    """
    if not text.strip():
        raise EditRefused(f"Post {post_id} cannot become empty: reject it instead.")
    if verdict.decision is Decision.BLOCK:
        reasons = " ".join(verdict.reasons) or "it gives no reason."
        raise EditRefused(f"The gate blocks the new text of post {post_id}: {reasons}")
    with _deciding(db, post_id) as session:
        post = _held(session, post_id, who, now, version)
        return posts.amend(
            session,
            post_id=post_id,
            expect=State.HELD,
            version=post.version,
            who=who,
            why=why or "edited",
            now=now,
            detail={"before": post.text, "after": text},
            text=text,
            original_text=post.text if post.original_text is None else post.original_text,
            verdict=verdict.to_json(),
            decision=verdict.decision.value,
            policy=verdict.policy,
            lease_by=who,
            lease_until=now + LEASE,
        )


def _decide(db: Database, post_id: int, to: State, who: str, why: str, now: datetime, version: int | None) -> Post:
    with _deciding(db, post_id) as session:
        post = _held(session, post_id, who, now, version)
        expires_at = post.expires_at
        if to is State.APPROVED and expires_at is not None:
            expires_at = max(expires_at, now + TIME_TO_SEND)
        return posts.move(
            session,
            post_id=post_id,
            expect=State.HELD,
            to=to,
            version=post.version,
            who=who,
            why=why,
            now=now,
            expires_at=expires_at,
        )


@contextmanager
def _deciding(db: Database, post_id: int) -> Iterator[Session]:
    """A transaction whose storage errors come out as a reviewer's."""
    try:
        with db.session() as session:
            yield session
    except PostNotFound:
        raise NotFound(f"There is no post {post_id}: 'confess review' lists those that wait.") from None
    except StaleMove:  # only on a database without row locks
        raise ChangedSince(f"Post {post_id} was changed a moment ago: look at it again.") from None


def _held(session: Session, post_id: int, who: str, now: datetime, version: int | None) -> Post:
    post = posts.get(session, post_id, lock=True)
    _must_be_free(post, who, now)
    if version is not None and post.version != version:
        raise ChangedSince(f"Post {post_id} was changed at {_clock(post.updated_at)}, after you saw it: look again.")
    return post


def _must_be_free(post: Post, who: str, now: datetime) -> None:
    if post.state is not State.HELD:
        if post.decided_by is None or post.decided_at is None:
            raise AlreadyDecided(f"Post {post.id} is {post.state}, and waits for nobody's decision.")
        raise AlreadyDecided(
            f"{post.decided_by} decided on post {post.id} at {_clock(post.decided_at)}: it is {post.state} now."
        )
    if post.lease_until is not None and post.lease_until > now and post.lease_by != who:
        raise LeasedByOther(f"{post.lease_by} is looking at post {post.id} until {_clock(post.lease_until)}.")


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
