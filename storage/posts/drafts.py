"""A post begins."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from storage import events
from storage.errors import IllegalBirth, SlotTaken
from storage.lifecycle import BIRTHS, State
from storage.models import Post
from storage.posts.moves import get


def new_key() -> str:
    """A fresh idempotency key: 96 random bits in 24 characters (Discord's ``nonce`` takes 25)."""
    return secrets.token_hex(12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Everything known of a text when it has been judged; the columns of the same names."""

    text: str
    platform: str
    seed: int
    adapter: str
    adapter_hash: str
    base: str
    base_hash: str
    engine: str
    engine_version: str
    tokens: int
    decision: str  # the verdict's: "allow", "hold", "block"
    policy: str  # hash of the policy that judged
    verdict: Mapping[str, Any]  # as JSON
    sampling: Mapping[str, Any] = field(default_factory=dict)  # as JSON
    logprob: float | None = None
    prompt: str = ""
    topic: str | None = None
    channel: str | None = None
    server: str | None = None
    requester: str | None = None
    slot: str | None = None
    expires_at: datetime | None = None
    not_before: datetime | None = None
    key: str = field(default_factory=new_key)


def create(session: Session, *, draft: Draft, state: State, who: str, why: str, now: datetime) -> Post:
    """Store a new post with its first event.

    Raises:
        IllegalBirth: a post with this decision may not begin in this state.
        SlotTaken: the planned moment has its post already; nothing was stored, the session goes on.
    """
    if state not in BIRTHS.get(draft.decision, frozenset()):
        raise IllegalBirth(f"A post judged {draft.decision!r} may not begin as {state}.")
    columns = {name: getattr(draft, name) for name in Draft.__slots__}
    columns |= {"verdict": dict(draft.verdict), "sampling": dict(draft.sampling)}
    post = Post(state=state, created_at=now, updated_at=now, **columns)
    try:
        with session.begin_nested():  # the caller's other work survives a taken slot
            session.add(post)
    except IntegrityError:
        if draft.slot is not None and session.exec(select(Post.id).where(Post.slot == draft.slot)).first():
            raise SlotTaken(f"The slot {draft.slot} has its post already.") from None
        raise
    events.record(session, post_id=post.number, at=now, who=who, from_state=None, to_state=state, why=why)
    session.flush()
    return get(session, post.number)
