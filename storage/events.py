"""Writing down what happened. There is no function that changes or deletes an event."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from storage.lifecycle import State
from storage.models import Event


def record(
    session: Session,
    *,
    post_id: int,
    at: datetime,
    who: str,
    from_state: State | None,
    to_state: State,
    why: str,
    detail: Mapping[str, Any] | None = None,
) -> Event:
    """Add an event in the caller's transaction, so that it stands or falls with the change it tells of."""
    event = Event(
        post_id=post_id, at=at, who=who, from_state=from_state, to_state=to_state, why=why, detail=dict(detail or {})
    )
    session.add(event)
    return event
