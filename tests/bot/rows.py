"""Posts for tests, which went into the record the proper way."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from storage import posts
from storage.db import Database
from storage.lifecycle import State
from storage.models import Post
from storage.posts import ClearedPost, Draft

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


def add_post(
    database: Database,
    text: str,
    *,
    platform: str = "x",
    state: State = State.APPROVED,
    now: datetime | None = None,
    **columns: Any,
) -> int:
    """A new post; its number."""
    decision = {State.HELD: "hold", State.BLOCKED: "block"}.get(state, "allow")
    draft = Draft(
        text=text,
        platform=platform,
        seed=1,
        adapter="test",
        adapter_hash="a" * 64,
        base="nib",
        base_hash="b" * 64,
        engine="test",
        engine_version="1",
        tokens=5,
        decision=decision,
        policy="p",
        verdict={"decision": decision},
        **columns,
    )
    with database.session() as session:
        return posts.create(
            session, draft=draft, state=state, who="test", why="test", now=now or datetime.now(UTC)
        ).number


def cleared(
    database: Database, text: str, *, platform: str, now: datetime | None = None, **columns: Any
) -> ClearedPost:
    """A post on its way: approved and claimed."""
    add_post(database, text, platform=platform, now=now, **columns)
    with database.session() as session:
        post = posts.claim(session, platforms=[platform], who="test", now=now or datetime.now(UTC))
    assert post is not None
    return post


def stored(database: Database, number: int) -> Post:
    """A post as it stands."""
    with database.reading() as session:
        return posts.get(session, number)


def path_of(database: Database, number: int) -> list[State]:
    """The states a post has been in, from birth on."""
    with database.reading() as session:
        return [event.to_state for event in posts.events(session, number)]


class Clock:
    """A clock that tests turn."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


async def until(database: Database, number: int, state: State) -> None:
    """Wait for a post to reach a state."""
    async with asyncio.timeout(30):
        while stored(database, number).state is not state:
            await asyncio.sleep(0.01)
