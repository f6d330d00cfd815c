"""People decide on held posts, each once, on both databases."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from moderation import review
from moderation.errors import AlreadyDecided, ChangedSince, EditRefused, LeasedByOther, NotFound, ReviewError
from moderation.verdict import Decision, Finding, Verdict
from storage import posts
from storage.db import Database
from storage.lifecycle import State
from storage.models import Event, Post
from tests.databases import NOW, a_draft

LATER = NOW + timedelta(minutes=1)
ALLOW = Verdict(Decision.ALLOW, policy="p2")


@pytest.fixture
def held(db: Database) -> Post:
    """One post that waits."""
    return hold(db)


def hold(db: Database, **changes: Any) -> Post:
    with db.session() as session:
        draft = a_draft(**{"decision": "hold", "platform": "x"} | changes)
        return posts.create(session, draft=draft, state=State.HELD, who="gate", why="a person must look", now=NOW)


def told(db: Database, post_id: int) -> list[Event]:
    with db.reading() as session:
        return list(posts.events(session, post_id))


def test_the_queue_shows_who_is_looking(db: Database) -> None:
    first, second = hold(db), hold(db, platform="discord")
    review.look(db, post_id=first.number, who="anne", now=NOW)
    assert [(post.id, post.lease_by) for post in review.queue(db)] == [(first.id, "anne"), (second.id, None)]
    assert [post.id for post in review.queue(db, platform="discord")] == [second.id]
    assert [post.id for post in review.queue(db, limit=1)] == [first.id]


@pytest.mark.parametrize(("decide", "state"), [(review.approve, State.APPROVED), (review.reject, State.REJECTED)])
def test_a_decision_is_an_event_with_who_when_and_why(db: Database, held: Post, decide: Any, state: State) -> None:
    review.look(db, post_id=held.number, who="anne", now=NOW)
    post = decide(db, post_id=held.number, who="anne", why="tone", now=LATER)
    assert (post.state, post.decided_by, post.decided_at) == (state, "anne", LATER)
    assert (post.lease_by, post.lease_until) == (None, None)
    event = told(db, held.number)[-1]
    assert (event.who, event.at, event.why, event.to_state) == ("anne", LATER, "tone", state)


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_no_needs_a_reason(db: Database, held: Post, reason: str) -> None:
    with pytest.raises(ReviewError, match="needs a reason"):
        review.reject(db, post_id=held.number, who="anne", why=reason, now=NOW)
    assert len(told(db, held.number)) == 1


def test_a_yes_may_be_silent(db: Database, held: Post) -> None:
    review.approve(db, post_id=held.number, who="anne", why="", now=NOW)
    assert told(db, held.number)[-1].why == "approved"


def test_the_second_to_decide_is_told_who_and_when(db: Database, held: Post) -> None:
    review.approve(db, post_id=held.number, who="anne", why="", now=LATER)
    sentence = rf"^anne decided on post {held.id} at 2026-01-05 09:01:00 UTC: it is approved now\.$"
    attempts: list[Callable[[], object]] = [
        lambda: review.reject(db, post_id=held.number, who="ben", why="no", now=LATER),
        lambda: review.approve(db, post_id=held.number, who="anne", why="", now=LATER),
        lambda: review.look(db, post_id=held.number, who="ben", now=LATER),
        lambda: review.edit(db, post_id=held.number, text="x", verdict=ALLOW, who="ben", why="", now=LATER),
    ]
    for attempt in attempts:
        with pytest.raises(AlreadyDecided, match=sentence):
            attempt()
    assert len(told(db, held.number)) == 2


def test_a_post_that_never_waited_says_so(db: Database) -> None:
    with db.session() as session:
        shelved = posts.create(session, draft=a_draft(), state=State.SHELVED, who="gate", why="", now=NOW)
    with pytest.raises(AlreadyDecided, match="is shelved, and waits for nobody"):
        review.approve(db, post_id=shelved.number, who="anne", why="", now=NOW)


def test_whoever_looks_has_ten_minutes(db: Database, held: Post) -> None:
    seen = review.look(db, post_id=held.number, who="anne", now=NOW)
    assert (seen.lease_by, seen.lease_until) == ("anne", NOW + timedelta(minutes=10))
    attempts: list[Callable[[], object]] = [
        lambda: review.look(db, post_id=held.number, who="ben", now=LATER),
        lambda: review.approve(db, post_id=held.number, who="ben", why="", now=LATER),
        lambda: review.reject(db, post_id=held.number, who="ben", why="no", now=LATER),
        lambda: review.edit(db, post_id=held.number, text="x", verdict=ALLOW, who="ben", why="", now=LATER),
    ]
    for attempt in attempts:
        with pytest.raises(LeasedByOther, match=r"anne is looking at post \d+ until 2026-01-05 09:10:00 UTC"):
            attempt()
    review.look(db, post_id=held.number, who="ben", now=NOW + timedelta(minutes=10))
    with pytest.raises(LeasedByOther, match="ben"):
        review.approve(db, post_id=held.number, who="anne", why="", now=NOW + timedelta(minutes=11))


def test_looking_again_renews_and_leaving_frees(db: Database, held: Post) -> None:
    review.look(db, post_id=held.number, who="anne", now=NOW)
    assert review.look(db, post_id=held.number, who="anne", now=LATER).lease_until == LATER + timedelta(minutes=10)
    review.leave(db, post_id=held.number, who="ben")  # not his to give back
    with pytest.raises(LeasedByOther):
        review.look(db, post_id=held.number, who="ben", now=LATER)
    review.leave(db, post_id=held.number, who="anne")
    review.approve(db, post_id=held.number, who="ben", why="", now=LATER)


def test_the_next_post_is_one_that_nobody_looks_at(db: Database) -> None:
    taken, mine, other, last = hold(db), hold(db), hold(db, platform="discord"), hold(db)
    review.look(db, post_id=taken.number, who="ben", now=NOW)

    def following(after: int = 0, who: str = "anne", **more: Any) -> int | None:
        post = review.look_next(db, who=who, now=NOW, after=after, **more)
        return None if post is None else post.id

    assert following() == mine.id
    assert following() == mine.id  # still hers
    assert following(mine.number) == other.id
    assert following(mine.number, platform="x") == last.id
    assert following(who="ben") == taken.id
    assert following(who="ben", after=taken.number) is None
    with db.reading() as session:
        assert posts.get(session, last.number).lease_by == "anne"


def test_a_long_queue_of_taken_posts_still_ends(db: Database) -> None:
    waiting = [hold(db) for _ in range(23)]
    for post in waiting[:22]:
        review.look(db, post_id=post.number, who="ben", now=NOW)
    found = review.look_next(db, who="anne", now=NOW)
    assert found is not None
    assert found.id == waiting[22].id


def test_looking_is_no_change(db: Database, held: Post) -> None:
    seen = review.look(db, post_id=held.number, who="anne", now=NOW)
    assert seen.version == held.version
    assert len(told(db, held.number)) == 1
    review.approve(db, post_id=held.number, who="anne", why="", now=LATER, version=held.version)


def test_an_edit_keeps_what_the_model_wrote(db: Database, held: Post) -> None:
    verdict = Verdict(Decision.HOLD, (Finding("shape", "link", Decision.HOLD, "It has a link."),), policy="p2")
    once = review.edit(db, post_id=held.number, text="Once.", verdict=verdict, who="anne", why="", now=LATER)
    assert (once.state, once.text, once.original_text) == (State.HELD, "Once.", held.text)
    assert (Verdict.from_json(once.verdict), once.decision, once.policy) == (verdict, "hold", "p2")
    twice = review.edit(db, post_id=held.number, text="Twice.", verdict=ALLOW, who="anne", why="typo", now=LATER)
    assert (twice.text, twice.original_text, twice.state) == ("Twice.", held.text, State.HELD)
    events = told(db, held.number)[1:]
    assert [event.detail for event in events] == [
        {"before": held.text, "after": "Once."},
        {"before": "Once.", "after": "Twice."},
    ]
    assert [event.why for event in events] == ["edited", "typo"]


def test_an_edit_cannot_smuggle_anything_past_the_gate(db: Database, held: Post) -> None:
    blocked = Verdict(Decision.BLOCK, (Finding("personal", "phone", Decision.BLOCK, "It gives a phone number."),))
    with pytest.raises(EditRefused, match="It gives a phone number"):
        review.edit(db, post_id=held.number, text="Call me.", verdict=blocked, who="anne", why="", now=NOW)
    with pytest.raises(EditRefused, match="empty"):
        review.edit(db, post_id=held.number, text=" \n", verdict=ALLOW, who="anne", why="", now=NOW)
    with db.reading() as session:
        assert posts.get(session, held.number).text == held.text


def test_nobody_approves_a_text_they_have_not_seen(db: Database, held: Post) -> None:
    edited = review.edit(db, post_id=held.number, text="New.", verdict=ALLOW, who="anne", why="", now=NOW)
    review.leave(db, post_id=held.number, who="anne")
    with pytest.raises(ChangedSince, match="look again"):
        review.approve(db, post_id=held.number, who="ben", why="", now=LATER, version=held.version)
    review.approve(db, post_id=held.number, who="ben", why="", now=LATER, version=edited.version)


def test_an_unknown_post_is_a_sentence(db: Database) -> None:
    with pytest.raises(NotFound, match="no post 404"):
        review.look(db, post_id=404, who="anne", now=NOW)
    for decide in (review.approve, review.reject):
        with pytest.raises(NotFound, match="no post 404"):
            decide(db, post_id=404, who="anne", why="no", now=NOW)


def test_a_yes_leaves_time_to_send(db: Database) -> None:
    soon, far = NOW + timedelta(minutes=1), NOW + timedelta(days=30)
    for expires_at, after in ((soon, NOW + review.TIME_TO_SEND), (far, far), (None, None)):
        post = hold(db, expires_at=expires_at)
        assert review.approve(db, post_id=post.number, who="anne", why="", now=NOW).expires_at == after
    kept = hold(db, expires_at=soon)
    assert review.reject(db, post_id=kept.number, who="anne", why="no", now=NOW).expires_at == soon


def test_of_many_reviewers_one_decides(db: Database, held: Post) -> None:
    gate = threading.Barrier(16)

    def decide(number: int) -> str | None:
        gate.wait()
        try:
            if number % 2:
                review.approve(db, post_id=held.number, who=f"person {number}", why="", now=NOW)
            else:
                review.reject(db, post_id=held.number, who=f"person {number}", why="no", now=NOW)
        except AlreadyDecided as error:
            return str(error).split(" decided")[0]
        return None

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(decide, range(16)))
    [winner] = [number for number, other in enumerate(outcomes) if other is None]
    assert {other for other in outcomes if other} == {f"person {winner}"}
    assert [event.who for event in told(db, held.number)] == ["gate", f"person {winner}"]
