"""Reading the record."""

from datetime import timedelta
from typing import Any

import pytest

from storage import posts
from storage.db import Database
from storage.lifecycle import State
from tests.databases import NOW, a_draft


@pytest.fixture
def ids(db: Database) -> list[int]:
    """Four posts: two held for X, an approved and a blocked one for the console."""
    kinds: list[tuple[State, dict[str, Any]]] = [
        (State.HELD, {"text": "one", "platform": "x"}),
        (State.APPROVED, {"text": "two", "adapter": "other", "adapter_hash": "f00d%"}),
        (State.BLOCKED, {"text": "three", "decision": "block"}),
        (State.HELD, {"text": "four", "platform": "x"}),
    ]
    with db.session() as session:
        return [
            posts.create(
                session, draft=a_draft(**changes), state=state, who="gate", why="", now=NOW + timedelta(minutes=minute)
            ).number
            for minute, (state, changes) in enumerate(kinds)
        ]


def test_find_is_newest_first_and_filters(db: Database, ids: list[int]) -> None:
    def found(**filters: Any) -> list[int]:
        with db.reading() as session:
            return [ids.index(post.number) + 1 for post in posts.find(session, **filters)]

    assert found() == [4, 3, 2, 1]
    assert found(limit=2) == [4, 3]
    assert found(before_id=ids[2]) == [2, 1]
    assert found(states=[State.HELD]) == [4, 1]
    assert found(states=[State.APPROVED, State.BLOCKED]) == [3, 2]
    assert found(states=[]) == []
    assert found(platform="x") == [4, 1]
    assert found(adapter="other") == [2]
    assert found(adapter="f00d") == [2]
    assert found(adapter="f%") == []  # no wildcards from people
    assert found(adapter="f00d%") == [2]
    assert found(states=[State.HELD], platform="console") == []


def test_the_queue_is_longest_waiting_first(db: Database, ids: list[int]) -> None:
    with db.reading() as session:
        assert [post.id for post in posts.waiting(session)] == [ids[0], ids[3]]
        assert [post.id for post in posts.waiting(session, limit=1)] == [ids[0]]
        assert posts.waiting(session, platform="console") == []


def test_counts_name_every_state(db: Database, ids: list[int]) -> None:
    with db.reading() as session:
        everywhere, console = posts.counts(session), posts.counts(session, platform="console")
    assert set(everywhere) == set(State)
    assert sum(everywhere.values()) == len(ids)
    assert (everywhere[State.HELD], everywhere[State.APPROVED], everywhere[State.BLOCKED]) == (2, 1, 1)
    assert console[State.HELD] == 0
    with db.reading() as session:
        assert posts.counts(session, states=[State.HELD, State.FAILED]) == {State.HELD: 2, State.FAILED: 0}


def test_recent_texts_are_those_that_live(db: Database, ids: list[int]) -> None:
    assert ids
    with db.reading() as session:
        assert posts.recent_texts(session, since=NOW) == ["four", "two", "one"]
        assert posts.recent_texts(session, since=NOW + timedelta(minutes=2)) == ["four"]
        assert posts.recent_texts(session, since=NOW, states=[State.BLOCKED]) == ["three"]
