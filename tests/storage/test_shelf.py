"""Posts kept ready, and let go."""

from datetime import timedelta
from typing import Any

from storage import posts
from storage.db import Database
from storage.lifecycle import State
from storage.models import Post
from tests.databases import NOW, a_draft

HASH = a_draft().adapter_hash


def shelve(db: Database, *, minutes: float = 0, state: State = State.SHELVED, **changes: Any) -> Post:
    with db.session() as session:
        now = NOW + timedelta(minutes=minutes)
        return posts.create(session, draft=a_draft(**changes), state=state, who="shelf", why="", now=now)


def take(db: Database, **changes: Any) -> Post | None:
    asked: dict[str, Any] = {
        "adapter_hash": HASH,
        "platform": "console",
        "policy": "p1",
        "who": "discord:1",
        "now": NOW,
    }
    with db.session() as session:
        return posts.take(session, **asked | changes)


def test_taking_gives_the_oldest_to_whoever_asked(db: Database) -> None:
    first, second = shelve(db, expires_at=NOW + timedelta(days=1)), shelve(db)
    taken = take(db, channel="c", server="s", requester="r", expires_at=NOW + timedelta(hours=1))
    assert taken is not None
    assert (taken.id, taken.state, taken.expires_at) == (first.id, State.APPROVED, NOW + timedelta(hours=1))
    assert (taken.channel, taken.server, taken.requester) == ("c", "s", "r")
    again = take(db)
    assert again is not None
    assert again.id == second.id
    assert take(db) is None


def test_only_what_suits(db: Database) -> None:
    shelve(db, expires_at=NOW)
    shelve(db, platform="x")
    shelve(db, policy="p0")
    shelve(db, adapter_hash="other")
    shelve(db, state=State.HELD)
    assert take(db) is None


def test_a_taker_is_given_the_oldest_that_they_may_have(db: Database) -> None:
    first, second = shelve(db, text="about trains"), shelve(db, text="about tea")
    taken = take(db, suits=lambda text: "trains" not in text)
    assert taken is not None and taken.id == second.id
    assert take(db, suits=lambda text: "trains" not in text) is None
    last = take(db)
    assert last is not None and last.id == first.id


def test_stock_counts_what_could_be_taken(db: Database) -> None:
    shelve(db)
    shelve(db, minutes=5)
    shelve(db, minutes=1, platform="x")
    shelve(db, expires_at=NOW)
    shelve(db, state=State.APPROVED)
    with db.reading() as session:
        console, x = posts.stock(session, now=NOW + timedelta(minutes=6))
    assert (console.platform, console.count, console.adapter) == ("console", 2, "fess")
    assert (console.oldest, console.newest) == (NOW, NOW + timedelta(minutes=5))
    assert (x.platform, x.count, x.policy) == ("x", 1, "p1")


def test_a_new_policy_finds_what_the_old_one_judged(db: Database) -> None:
    old = [shelve(db, policy="p0"), shelve(db, policy="p0")]
    shelve(db, policy="p1")
    with db.reading() as session:
        assert [post.id for post in posts.outdated(session, policy="p1", limit=10)] == [post.id for post in old]
        assert len(posts.outdated(session, policy="p1", limit=1)) == 1


def test_wishes_tell_how_often_the_shelf_was_enough(db: Database) -> None:
    shelve(db)
    shelve(db)
    assert take(db) is not None
    with db.reading() as session:
        seen, first = posts.wishes(session)
        assert seen == posts.last_event(session) == 3
    written: dict[str, Any] = {"state": State.APPROVED, "requester": "discord:1"}
    shelve(db, **written)  # asked for just any post, and had to wait
    shelve(db, **written, prompt="I never")  # asked for this one: no shelf could have it
    shelve(db, **written, topic="trains")
    shelve(db, **written, slot="daily@1")
    shelve(db, state=State.APPROVED, requester="cli:anne")
    shelve(db, **written | {"state": State.HELD})
    assert take(db) is not None
    with db.reading() as session:
        last, later = posts.wishes(session, after=seen)
        _, everything = posts.wishes(session)
        _, since = posts.wishes(session, since=NOW + timedelta(minutes=1))
        assert posts.wishes(session, after=last) == (last, [])
    assert first == [posts.Wishes("console", "fess", 1, 0)]
    assert later == [posts.Wishes("console", "fess", 1, 1)]
    assert everything == [posts.Wishes("console", "fess", 2, 1)]
    assert since == []


def test_posts_expire_when_their_time_has_come(db: Database) -> None:
    soon = NOW + timedelta(minutes=1)
    mortal = [shelve(db, state=state, expires_at=soon) for state in (State.SHELVED, State.APPROVED, State.HELD)]
    immortal = shelve(db)
    finished = shelve(db, state=State.BLOCKED, decision="block", expires_at=soon)
    with db.session() as session:
        assert posts.expire(session, now=NOW) == []
        gone = posts.expire(session, now=soon)
    assert [post.id for post in gone] == [post.id for post in mortal]
    assert {post.state for post in gone} == {State.EXPIRED}
    with db.reading() as session:
        assert posts.get(session, immortal.number).state is State.SHELVED
        assert posts.get(session, finished.number).state is State.BLOCKED
        assert "2026-01-05 09:01 UTC" in posts.events(session, mortal[0].number)[-1].why


def test_a_post_under_review_does_not_expire_in_the_reviewers_hands(db: Database) -> None:
    post = shelve(db, state=State.HELD, expires_at=NOW)
    with db.session() as session:
        assert posts.lease(session, post_id=post.number, who="anne", until=NOW + timedelta(minutes=10), now=NOW)
        assert posts.expire(session, now=NOW) == []
        assert len(posts.expire(session, now=NOW + timedelta(minutes=10))) == 1
