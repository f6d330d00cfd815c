"""Posts begin, move and change, each time with an event, and otherwise not at all."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import col

from storage import posts
from storage.db import Database
from storage.errors import IllegalBirth, IllegalMove, PostNotFound, RecordIsFinal, SlotTaken, StaleMove
from storage.lifecycle import BIRTHS, MOVES, State
from storage.models import Event, Post
from tests.databases import NOW, a_draft


def born(db: Database, state: State = State.HELD, **changes: Any) -> Post:
    with db.session() as session:
        return posts.create(session, draft=a_draft(**changes), state=state, who="gate", why="judged", now=NOW)


def stored(db: Database, post_id: int) -> Post:
    with db.reading() as session:
        return posts.get(session, post_id)


def test_all_that_is_known_at_birth_is_kept(db: Database) -> None:
    draft = a_draft(
        "One whole post.", platform="x", channel="c", server="s", requester="r", slot="daily@1", prompt="One",
        topic="t", seed=2**62, logprob=-3.25, expires_at=NOW + timedelta(days=1), not_before=NOW,
        sampling={"top_k": 50}, verdict={"decision": "allow", "findings": [{"span": {"start": 0, "end": 3}}]},
    )  # fmt: skip
    with db.session() as session:
        post_id = posts.create(
            session, draft=draft, state=State.APPROVED, who="gate", why="nothing found", now=NOW
        ).number
    post = stored(db, post_id)
    assert {name: getattr(post, name) for name in draft.__slots__} == {
        name: getattr(draft, name) for name in draft.__slots__
    }
    assert (post.state, post.version, post.attempts) == (State.APPROVED, 1, 0)
    with db.reading() as session:
        [event] = posts.events(session, post_id)
    assert (event.who, event.why, event.from_state, event.to_state) == ("gate", "nothing found", None, State.APPROVED)


def test_moments_come_back_aware_and_in_utc(db: Database) -> None:
    tokyo = datetime(2026, 1, 5, 18, 0, 0, 123456, tzinfo=timezone(timedelta(hours=9)))
    post = stored(db, born(db, expires_at=tokyo).number)
    assert post.expires_at == tokyo
    assert post.expires_at.tzinfo is UTC
    assert post.created_at.tzinfo is UTC


def test_a_naive_moment_is_refused(db: Database) -> None:
    with pytest.raises(Exception, match="timezone"):
        born(db, expires_at=datetime(2026, 1, 5))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    ("hostile", "kept"),
    [
        ("a\0b", "a\ufffdb"),
        ("lone \ud800 half", "lone \ufffd half"),
        ("\ud83d\ude00", "😀"),
        ("👩‍👩‍👧 \u202eevil [bold] '; DROP TABLE posts; --", "👩‍👩‍👧 \u202eevil [bold] '; DROP TABLE posts; --"),
        ("x" * 1_000_000, "x" * 1_000_000),
        ("", ""),
    ],
)
def test_no_text_is_too_strange_to_keep(db: Database, hostile: str, kept: str) -> None:
    nan = {"scores": {"insult": float("nan"), "k\0": hostile}}
    post = born(db, text=hostile, prompt=hostile, topic=hostile, verdict=nan)
    assert (post.text, post.prompt, post.topic) == (kept, kept, kept)
    assert stored(db, post.number).verdict == {"scores": {"insult": None, "k\ufffd": kept}}


def test_states_are_stored_by_value(db: Database) -> None:
    post_id = born(db).number
    with db.reading() as session:
        row = session.connection().execute(
            text("SELECT p.state, e.to_state FROM posts p JOIN events e ON e.post_id = p.id WHERE p.id = :id"),
            {"id": post_id},
        )
        assert tuple(row.one()) == ("held", "held")


@pytest.mark.parametrize("decision", ["allow", "hold", "block", "perhaps"])
def test_the_verdict_limits_how_a_post_may_begin(sqlite_db: Database, decision: str) -> None:
    for state in State:
        if state in BIRTHS.get(decision, ()):
            assert born(sqlite_db, state, decision=decision).state is state
        else:
            with pytest.raises(IllegalBirth):
                born(sqlite_db, state, decision=decision)


def test_a_slot_has_one_post_and_the_transaction_goes_on(db: Database) -> None:
    first = born(db, slot="daily@1")
    with db.session() as session:
        with pytest.raises(SlotTaken, match="daily@1"):
            posts.create(session, draft=a_draft(slot="daily@1"), state=State.HELD, who="w", why="", now=NOW)
        second = posts.create(session, draft=a_draft(slot="daily@2"), state=State.HELD, who="w", why="", now=NOW)
    with db.reading() as session:
        assert posts.slots(session, since=NOW) == {"daily@1", "daily@2"}
        assert posts.slots(session, since=NOW + timedelta(seconds=1)) == set()
        assert {post.id for post in posts.find(session)} == {first.id, second.id}


def test_a_key_is_short_enough_for_discord_and_never_twice(db: Database) -> None:
    keys = {born(db).key for _ in range(20)}
    assert len(keys) == 20
    assert max(map(len, keys)) <= 25


def test_a_move_changes_the_row_and_says_why(db: Database) -> None:
    post = born(db)
    later = NOW + timedelta(minutes=3)
    with db.session() as session:
        moved = posts.move(
            session, post_id=post.number, expect=State.HELD, to=State.APPROVED, who="anne", why="fine", now=later,
            detail={"from": "terminal"},
        )  # fmt: skip
    assert (moved.state, moved.version, moved.updated_at) == (State.APPROVED, 2, later)
    assert (moved.decided_by, moved.decided_at) == ("anne", later)
    with db.reading() as session:
        event = posts.events(session, post.number)[-1]
    assert (event.at, event.who, event.why, event.detail) == (later, "anne", "fine", {"from": "terminal"})
    assert (event.from_state, event.to_state) == (State.HELD, State.APPROVED)


def test_moves_that_the_lifecycle_lacks_are_refused(sqlite_db: Database) -> None:
    missing = [(expect, to) for expect in State for to in State if to not in MOVES[expect]]
    for expect, to in missing:
        with sqlite_db.session() as session, pytest.raises(IllegalMove, match=f"from {expect} to {to}"):
            posts.move(session, post_id=1, expect=expect, to=to, who="w", why="", now=NOW)


def test_the_loser_of_a_race_changes_nothing(db: Database) -> None:
    post = born(db)
    with db.session() as session:
        posts.move(session, post_id=post.number, expect=State.HELD, to=State.REJECTED, who="a", why="no", now=NOW)
    with pytest.raises(StaleMove, match="rejected"), db.session() as session:
        posts.move(session, post_id=post.number, expect=State.HELD, to=State.APPROVED, who="b", why="yes", now=NOW)
    with db.reading() as session:
        assert [event.who for event in posts.events(session, post.number)] == ["gate", "a"]


def test_a_version_that_passed_is_stale(db: Database) -> None:
    post = born(db)
    with db.session() as session:
        posts.amend(session, post_id=post.number, expect=State.HELD, who="a", why="edit", now=NOW, text="Better.")
    with pytest.raises(StaleMove, match="version 2"), db.session() as session:
        posts.move(
            session, post_id=post.number, expect=State.HELD, to=State.APPROVED, version=1, who="b", why="", now=NOW
        )


def test_a_change_and_its_event_stand_or_fall_together(db: Database) -> None:
    post = born(db)
    with pytest.raises(ZeroDivisionError), db.session() as session:
        posts.move(session, post_id=post.number, expect=State.HELD, to=State.APPROVED, who="a", why="", now=NOW)
        raise ZeroDivisionError
    assert stored(db, post.number).state is State.HELD
    with db.reading() as session:
        assert len(posts.events(session, post.number)) == 1


def test_amending_keeps_the_state_and_has_its_event(db: Database) -> None:
    post = born(db, State.SHELVED)
    with db.session() as session:
        after = posts.amend(
            session, post_id=post.number, expect=State.SHELVED, who="gate", why="judged again", now=NOW, policy="p2"
        )
    assert (after.state, after.policy, after.version) == (State.SHELVED, "p2", 2)
    with db.reading() as session:
        event = posts.events(session, post.number)[-1]
    assert (event.from_state, event.to_state, event.why) == (State.SHELVED, State.SHELVED, "judged again")


def test_a_finished_post_is_not_amended(db: Database) -> None:
    post = born(db, State.BLOCKED, decision="block")
    with db.session() as session, pytest.raises(IllegalMove):
        posts.amend(session, post_id=post.number, expect=State.BLOCKED, who="w", why="", now=NOW, text="Milder.")


@pytest.mark.parametrize(
    "column", ["id", "state", "attempted", "seed", "adapter_hash", "key", "created_at", "nonsense"]
)
def test_how_a_text_was_made_never_changes(sqlite_db: Database, column: str) -> None:
    post = born(sqlite_db)
    change: dict[str, Any] = {column: 1}
    with sqlite_db.session() as session, pytest.raises(TypeError, match=column):
        posts.amend(session, post_id=post.number, expect=State.HELD, who="w", why="", now=NOW, **change)


def test_an_unknown_post_is_a_sentence(db: Database) -> None:
    with db.session() as session:
        with pytest.raises(PostNotFound, match="no post 404"):
            posts.get(session, 404)
        with pytest.raises(PostNotFound):
            posts.move(session, post_id=404, expect=State.HELD, to=State.APPROVED, who="w", why="", now=NOW)


def test_rows_do_not_change_behind_the_record(db: Database) -> None:
    post_id = born(db).number
    with pytest.raises(RecordIsFinal), db.session() as session:
        posts.get(session, post_id).state = State.PUBLISHED
    with pytest.raises(RecordIsFinal), db.session() as session:
        session.delete(posts.get(session, post_id))
    with pytest.raises(RecordIsFinal), db.session() as session:
        posts.events(session, post_id)[0].why = "nothing happened"
    assert stored(db, post_id).state is State.HELD


@pytest.mark.parametrize(
    "statement",
    ["UPDATE events SET who = 'nobody'", "DELETE FROM events", "DELETE FROM posts", "TRUNCATE events, posts"],
)
def test_the_database_itself_keeps_the_record(db: Database, statement: str) -> None:
    born(db)
    if statement.startswith("TRUNCATE") and db.engine.dialect.name == "sqlite":
        return  # SQLite has none
    with pytest.raises(DBAPIError, match="the record is final"), db.session() as session:
        session.connection().execute(text(statement))


def test_not_even_an_orm_statement_changes_an_event(db: Database) -> None:
    born(db)
    with pytest.raises(DBAPIError, match="the record is final"), db.session() as session:
        session.execute(update(Event).where(col(Event.id) == 1).values(who="nobody"))
