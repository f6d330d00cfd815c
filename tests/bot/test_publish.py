"""Exactly once: every ending of a send, and every moment to die in."""

import asyncio
from datetime import timedelta

import pytest

from bot.platforms.base import NotNow, PlatformError, Receipt, Refused, Unsure
from bot.publish import MAX_ATTEMPTS, Publisher
from storage import posts
from storage.db import Database
from storage.lifecycle import State
from storage.posts import ClearedPost, Outgoing
from tests.bot.rows import START, Clock, add_post, path_of, stored, until


class Scripted:
    """A platform that ends each send and each look as told; after that, all goes well."""

    def __init__(self, name: str = "x", *, sends: list[Exception] | None = None) -> None:
        self.name = name
        self.sends = sends or []
        self.looks: list[Exception | list[Receipt]] = []
        self.sent: list[str] = []
        self.answering = asyncio.Event()  # cleared, sends wait
        self.answering.set()

    async def send(self, post: ClearedPost) -> Receipt:
        self.sent.append(post.text)
        await self.answering.wait()
        if self.sends:
            raise self.sends.pop(0)
        return Receipt(remote_id=f"r{post.id}", url=f"https://example.org/{post.id}")

    async def find(self, post: Outgoing) -> list[Receipt]:
        answer = self.looks.pop(0) if self.looks else []
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        pass


def publisher(database: Database, platform: Scripted, clock: Clock) -> Publisher:
    return Publisher(database, {platform.name: platform}, clock=clock, poll=0.01, settle=timedelta(seconds=30))


async def test_a_published_row_knows_where_it_is(database: Database, clock: Clock) -> None:
    number = add_post(database, "hello", now=START)
    assert await publisher(database, Scripted(), clock).publish_once() == 1
    post = stored(database, number)
    assert (post.state, post.remote_id, post.remote_url) == (
        State.PUBLISHED,
        f"r{number}",
        f"https://example.org/{number}",
    )
    assert (post.published_at, post.attempts) == (START, 1)


async def test_oldest_first_and_only_approved_ones(database: Database, clock: Clock) -> None:
    platform = Scripted()
    add_post(database, "held", state=State.HELD, now=START)
    add_post(database, "blocked", state=State.BLOCKED, now=START)
    add_post(database, "elsewhere", platform="mastodon", now=START)
    for text in ("one", "two", "three"):
        add_post(database, text, now=START)
    assert await publisher(database, platform, clock).publish_once() == 3
    assert platform.sent == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        (Refused("X said no."), State.FAILED),
        (NotNow("Later.", timedelta(minutes=5)), State.APPROVED),
        (Unsure("The answer was lost."), State.UNCERTAIN),
        (ZeroDivisionError("a mistake of ours"), State.UNCERTAIN),
    ],
)
async def test_each_ending_has_its_state_and_its_reason(
    database: Database, clock: Clock, ending: Exception, state: State
) -> None:
    number = add_post(database, "hello", now=START)
    await publisher(database, Scripted(sends=[ending]), clock).publish_once()
    assert stored(database, number).state is state
    with database.reading() as session:
        why = posts.events(session, number)[-1].why
    assert (str(ending) if isinstance(ending, PlatformError) else "ZeroDivisionError") in why


async def test_not_now_waits_for_the_post_and_for_the_whole_platform(database: Database, clock: Clock) -> None:
    platform = Scripted(sends=[NotNow("Later.", timedelta(minutes=5))])
    first, second = add_post(database, "one", now=START), add_post(database, "two", now=START)
    publishing = publisher(database, platform, clock)
    assert await publishing.publish_once() == 1
    assert await publishing.publish_once() == 0
    clock.now += timedelta(minutes=5)
    assert await publishing.publish_once() == 2
    assert platform.sent == ["one", "one", "two"]
    assert stored(database, first).state is stored(database, second).state is State.PUBLISHED


async def test_an_uncertain_post_that_is_there_is_published_and_not_sent_again(
    database: Database, clock: Clock
) -> None:
    platform = Scripted(sends=[Unsure("Lost.")])
    number = add_post(database, "hello", now=START)
    publishing = publisher(database, platform, clock)
    await publishing.publish_once()
    platform.looks = [[Receipt("77", None)]]
    assert await publishing.reconcile() == 0  # the platform gets time to show it
    clock.now += timedelta(seconds=30)
    assert await publishing.reconcile() == 1
    assert await publishing.publish_once() == 0
    assert (stored(database, number).state, stored(database, number).remote_id) == (State.PUBLISHED, "77")
    assert platform.sent == ["hello"]


async def test_an_uncertain_post_that_is_not_there_is_sent_again_but_not_for_ever(
    database: Database, clock: Clock
) -> None:
    platform = Scripted(sends=[Unsure("Lost.") for _ in range(9)])
    number = add_post(database, "hello", now=START)
    publishing = publisher(database, platform, clock)
    for _ in range(MAX_ATTEMPTS + 2):
        await publishing.publish_once()
        clock.now += timedelta(minutes=1)
        await publishing.reconcile()
    assert len(platform.sent) == MAX_ATTEMPTS
    assert stored(database, number).state is State.HELD


async def test_a_second_send_that_is_refused_may_have_been_the_first_that_arrived(
    database: Database, clock: Clock
) -> None:
    platform = Scripted(sends=[Unsure("Lost."), Refused("No.")])
    number = add_post(database, "hello", now=START)
    publishing = publisher(database, platform, clock)
    await publishing.publish_once()
    clock.now += timedelta(minutes=1)
    await publishing.reconcile()  # not there yet
    platform.looks = [[Receipt("77")]]
    await publishing.publish_once()
    assert (stored(database, number).state, stored(database, number).remote_id) == (State.PUBLISHED, "77")


async def test_a_platform_that_cannot_tell_leaves_it_to_a_person(database: Database, clock: Clock) -> None:
    platform = Scripted(sends=[Unsure("Lost.")])
    number = add_post(database, "hello", now=START)
    publishing = publisher(database, platform, clock)
    await publishing.publish_once()
    clock.now += timedelta(minutes=1)
    platform.looks = [Unsure("A terminal cannot be read back.")]
    await publishing.reconcile()
    assert path_of(database, number)[-2:] == [State.UNCERTAIN, State.HELD]


@pytest.mark.parametrize("trouble", [NotNow("Busy.", timedelta(minutes=15)), Refused("No."), KeyError("ours")])
async def test_a_platform_that_does_not_let_us_look_is_asked_again_later(
    database: Database, clock: Clock, trouble: Exception
) -> None:
    platform = Scripted(sends=[Unsure("Lost.")])
    number = add_post(database, "hello", now=START)
    publishing = publisher(database, platform, clock)
    await publishing.publish_once()
    clock.now += timedelta(minutes=1)
    platform.looks = [trouble, [Receipt("77")]]
    assert await publishing.reconcile() == 0
    assert await publishing.reconcile() == 0
    assert stored(database, number).state is State.UNCERTAIN
    clock.now += timedelta(minutes=15)
    assert await publishing.reconcile() == 1
    assert stored(database, number).state is State.PUBLISHED


async def test_after_a_day_of_not_being_let_look_a_person_decides(database: Database, clock: Clock) -> None:
    platform = Scripted(sends=[Unsure("Lost.")])
    number = add_post(database, "hello", now=START)
    publishing = publisher(database, platform, clock)
    await publishing.publish_once()
    platform.looks = [Refused("The channel is gone.") for _ in range(200)]
    for _ in range(100):
        clock.now += timedelta(minutes=15)
        await publishing.reconcile()
    with database.reading() as session:
        assert "The channel is gone." in posts.events(session, number)[-1].why
    assert stored(database, number).state is State.HELD
    assert len(platform.looks) > 100  # it was asked at the pace of every quarter of an hour, and then no more


async def test_one_message_is_never_taken_for_two_posts(database: Database, clock: Clock) -> None:
    platform = Scripted()
    first = add_post(database, "same words", now=START)
    publishing = publisher(database, platform, clock)
    await publishing.publish_once()
    second = add_post(database, "same words", now=START)
    platform.sends = [Unsure("Lost.")]
    await publishing.publish_once()
    clock.now += timedelta(minutes=1)
    platform.looks = [[Receipt(f"r{first}")]]  # the only message with these words is the first post's
    await publishing.reconcile()
    assert stored(database, second).state is State.APPROVED


async def test_a_slow_platform_holds_up_nobody_else(database: Database) -> None:
    slow, quick = Scripted("x"), Scripted("discord")
    slow.answering.clear()
    first = add_post(database, "slow one")
    publishing = Publisher(database, {"x": slow, "discord": quick}, poll=0.01)
    running = asyncio.create_task(publishing.run())
    await until(database, first, State.SENDING)
    second = add_post(database, "quick one", platform="discord")
    publishing.wake()
    await until(database, second, State.PUBLISHED)
    assert stored(database, first).state is State.SENDING
    slow.answering.set()
    await until(database, first, State.PUBLISHED)
    publishing.stop()
    await asyncio.wait_for(running, 10)


async def test_stopping_finishes_the_send_in_flight_and_takes_no_other(database: Database) -> None:
    platform = Scripted()
    platform.answering.clear()
    first, second = add_post(database, "one"), add_post(database, "two")
    publishing = Publisher(database, {"x": platform}, poll=0.01)
    running = asyncio.create_task(publishing.run())
    await until(database, first, State.SENDING)
    publishing.stop()
    platform.answering.set()
    await asyncio.wait_for(running, 10)
    assert stored(database, first).state is State.PUBLISHED
    assert stored(database, second).state is State.APPROVED
