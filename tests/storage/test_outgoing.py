"""The one door out."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from storage import posts
from storage.db import Database
from storage.lifecycle import State
from storage.models import Post
from tests.databases import NOW, a_draft


def approved(db: Database, **changes: Any) -> Post:
    with db.session() as session:
        return posts.create(session, draft=a_draft(**changes), state=State.APPROVED, who="gate", why="", now=NOW)


def claim(db: Database, platforms: list[str] | None = None, *, minutes: float = 0) -> posts.ClearedPost | None:
    with db.session() as session:
        return posts.claim(session, platforms=platforms, who="publisher", now=NOW + timedelta(minutes=minutes))


def move(db: Database, post_id: int, expect: State, to: State, **changes: Any) -> Post:
    with db.session() as session:
        return posts.move(session, post_id=post_id, expect=expect, to=to, who="t", why="", now=NOW, **changes)


def test_nobody_else_makes_a_cleared_post(db: Database) -> None:
    approved(db)
    cleared = claim(db)
    assert cleared is not None
    known = {field.name: getattr(cleared, field.name) for field in dataclasses.fields(cleared)}
    with pytest.raises(TypeError, match=r"only storage\.posts\.claim"):
        posts.ClearedPost(**known)
    with pytest.raises(TypeError, match=r"only storage\.posts\.claim"):
        posts.ClearedPost(**known, seal=object())
    with pytest.raises((TypeError, ValueError)):
        dataclasses.replace(cleared, text="something else")
    with pytest.raises(dataclasses.FrozenInstanceError):
        cleared.text = "something else"  # type: ignore[misc]


def test_a_claim_marks_the_post_before_the_network_is_touched(db: Database) -> None:
    post = approved(db, platform="x", channel="c", server="s", requester="r")
    cleared = claim(db)
    assert cleared is not None
    assert (cleared.id, cleared.text, cleared.key, cleared.attempts) == (post.id, post.text, post.key, 1)
    assert (cleared.platform, cleared.channel, cleared.server, cleared.requester) == ("x", "c", "s", "r")
    with db.reading() as session:
        stored = posts.get(session, post.number)
        event = posts.events(session, post.number)[-1]
    assert (stored.state, stored.attempts) == (State.SENDING, 1)
    assert (event.who, event.to_state, event.why) == ("publisher", State.SENDING, "attempt 1")
    assert claim(db) is None


@pytest.mark.parametrize("state", [State.SHELVED, State.HELD, State.BLOCKED])
def test_only_approved_posts_are_claimed(db: Database, state: State) -> None:
    decision = "block" if state is State.BLOCKED else "allow"
    with db.session() as session:
        posts.create(session, draft=a_draft(decision=decision), state=state, who="gate", why="", now=NOW)
    assert claim(db) is None


def test_oldest_first_and_only_the_platforms_asked_for(db: Database) -> None:
    ids = [approved(db, platform=platform).id for platform in ("x", "discord", "x", "discord")]
    assert claim(db, []) is None
    order = [claim(db, ["discord"]), claim(db, ["discord", "x"]), claim(db, None), claim(db, None)]
    assert [cleared.id for cleared in order if cleared] == [ids[1], ids[0], ids[2], ids[3]]


def test_neither_too_early_nor_too_late(db: Database) -> None:
    approved(db, not_before=NOW + timedelta(minutes=5), expires_at=NOW + timedelta(minutes=10))
    assert claim(db, minutes=4.9) is None
    assert claim(db, minutes=10) is None
    assert claim(db, minutes=5) is not None


def test_later_means_later_with_the_same_key(db: Database) -> None:
    post = approved(db)
    first = claim(db)
    move(db, post.number, State.SENDING, State.APPROVED, not_before=NOW + timedelta(minutes=1))
    assert claim(db) is None
    second = claim(db, minutes=1)
    assert first is not None
    assert second is not None
    assert (second.key, second.attempts) == (first.key, 2)


def test_after_a_crash_posts_on_their_way_are_uncertain(db: Database) -> None:
    approved(db)
    untouched = approved(db)
    sent = claim(db)
    assert sent is not None
    with db.session() as session:
        [left] = posts.recover(session, who="start", now=NOW)
    assert (left.id, left.state) == (sent.id, State.UNCERTAIN)
    with db.reading() as session:
        [doubtful] = posts.uncertain(session)
        assert posts.uncertain(session, platforms=["x"]) == []
        assert posts.get(session, untouched.number).state is State.APPROVED
    assert not isinstance(doubtful, posts.ClearedPost)
    assert (doubtful.key, doubtful.text) == (sent.key, sent.text)


def test_a_post_that_nobody_can_find_says_why_it_waits(db: Database) -> None:
    post = approved(db)
    claim(db)
    move(db, post.number, State.SENDING, State.UNCERTAIN)
    with db.session() as session:
        assert posts.held_because(session, post.number) is None
        posts.move(
            session, post_id=post.number, expect=State.UNCERTAIN, to=State.HELD, who="p", why="look there", now=NOW
        )
        posts.amend(session, post_id=post.number, expect=State.HELD, who="anne", why="edited", now=NOW, text="New.")
        assert posts.held_because(session, post.number) == "look there"


def test_a_post_found_missing_is_sent_again_under_its_key(db: Database) -> None:
    approved(db)
    first = claim(db)
    assert first is not None
    with db.session() as session:
        posts.recover(session, who="start", now=NOW)
    move(db, first.id, State.UNCERTAIN, State.APPROVED)
    second = claim(db)
    assert second is not None
    assert second.key == first.key
