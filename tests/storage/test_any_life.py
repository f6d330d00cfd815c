"""Whatever is tried on posts, in whatever order: no illegal move happens, and the events explain every state."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlmodel import Session

from storage import posts
from storage.db import Database
from storage.errors import IllegalBirth, IllegalMove, SlotTaken, StaleMove
from storage.lifecycle import BIRTHS, MOVES, State
from storage.models import Post
from tests.databases import NOW, a_draft

STATES = st.sampled_from(State)
AGES = st.none() | st.integers(0, 5)


class Lives(RuleBasedStateMachine):
    """A few posts, and everything that anybody could try on them; ``known`` is what ought to be true."""

    db: Database  # set by the test; all lives share it, each on a platform of its own
    lives = itertools.count()

    @initialize()
    def begin(self) -> None:
        self.now = NOW
        self.platform = f"life-{next(self.lives)}"
        self.known: dict[int, list[State]] = {}  # post → states it went through
        self.slots: set[str] = set()
        with self.session() as session:
            draft = a_draft(platform=self.platform)
            post = posts.create(session, draft=draft, state=State.SHELVED, who="t", why="", now=NOW)
        self.known[post.number] = [State.SHELVED]

    @contextmanager
    def session(self) -> Iterator[Session]:
        with self.db.session() as session:
            yield session

    def went(self, post: Post | posts.ClearedPost | None, state: State) -> None:
        if post is not None:
            assert post.id is not None
            assert post.platform == self.platform
            assert state in MOVES[self.known[post.id][-1]]
            self.known[post.id].append(state)

    def own(self, found: list[Post]) -> list[Post]:
        return [post for post in found if post.platform == self.platform]

    @rule(
        state=STATES, decision=st.sampled_from(["allow", "hold", "block"]), age=AGES, slot=st.none() | st.just("slot")
    )
    def create(self, state: State, decision: str, age: int | None, slot: str | None) -> None:
        expires_at = None if age is None else self.now + timedelta(minutes=age)
        slot = slot and f"{slot}@{self.platform}"
        draft = a_draft(platform=self.platform, decision=decision, expires_at=expires_at, slot=slot)
        try:
            with self.session() as session:
                post = posts.create(session, draft=draft, state=state, who="t", why="", now=self.now)
        except IllegalBirth:
            assert state not in BIRTHS[decision]
        except SlotTaken:
            assert slot in self.slots
        else:
            assert state in BIRTHS[decision]
            self.slots |= {slot} if slot else set()
            self.known[post.number] = [state]

    @rule(data=st.data(), expect=STATES, to=STATES)
    def move(self, data: st.DataObject, expect: State, to: State) -> None:
        post_id = data.draw(st.sampled_from(sorted(self.known)))
        if data.draw(st.booleans()):
            expect = self.known[post_id][-1]  # or hardly any move would be a true one
        allowed = to in MOVES[expect] and self.known[post_id][-1] is expect
        try:
            with self.session() as session:
                post = posts.move(session, post_id=post_id, expect=expect, to=to, who="t", why="", now=self.now)
        except (IllegalMove, StaleMove):
            assert not allowed
        else:
            assert allowed
            self.went(post, to)

    @rule()
    def claim(self) -> None:
        with self.session() as session:
            cleared = posts.claim(session, platforms=[self.platform], who="t", now=self.now)
        self.went(cleared, State.SENDING)

    @rule()
    def take(self) -> None:
        asked: dict[str, Any] = {"adapter_hash": a_draft().adapter_hash, "platform": self.platform, "policy": "p1"}
        with self.session() as session:
            post = posts.take(session, who="t", now=self.now, **asked)
        self.went(post, State.APPROVED)

    @rule()
    def crash(self) -> None:
        with self.session() as session:
            left = self.own(posts.recover(session, who="t", now=self.now))
        assert {post.id for post in left} == {
            post_id for post_id, states in self.known.items() if states[-1] is State.SENDING
        }
        for post in left:
            self.went(post, State.UNCERTAIN)

    @rule(minutes=st.integers(0, 3))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        with self.session() as session:
            gone = self.own(posts.expire(session, now=self.now))
        for post in gone:
            self.went(post, State.EXPIRED)

    @rule(data=st.data())
    def edit_and_fail(self, data: st.DataObject) -> None:
        post_id = data.draw(st.sampled_from(sorted(self.known)))
        with suppress(ZeroDivisionError, IllegalMove), self.session() as session:
            state = self.known[post_id][-1]
            posts.amend(session, post_id=post_id, expect=state, who="t", why="", now=self.now, text="changed")
            raise ZeroDivisionError

    @invariant()
    def the_record_agrees(self) -> None:
        with self.db.reading() as session:
            for post_id, states in self.known.items():
                post, told = posts.get(session, post_id), posts.events(session, post_id)
                assert post.state is states[-1]
                assert [event.to_state for event in told] == states
                assert [event.from_state for event in told] == [None, *states[:-1]]
                assert post.version == len(states)
                assert is_sorted([event.at for event in told])
                assert post.text != "changed"


def is_sorted(moments: list[datetime]) -> bool:
    return moments == sorted(moments)


def test_no_life_breaks_the_rules(db: Database) -> None:
    examples = 12 if db.engine.dialect.name == "postgresql" else 25

    Lives.db = db
    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
