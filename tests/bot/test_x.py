"""The real tweepy client against X on loopback: what each answer of X's comes to."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.platforms.base import NotNow, PlatformError, Refused, Unsure
from bot.platforms.x import XPlatform, comparable
from storage.db import Database
from tests.bot.rows import cleared
from tests.loopback.faults import Fault
from tests.loopback.x_server import DUPLICATE, Keys, XServer


def platform_for(server: XServer, keys: Keys | None = None, timeout: float = 2.0) -> XPlatform:
    keys = keys or server.keys
    return XPlatform(
        api_key=keys.api_key,
        api_secret=keys.api_secret,
        access_token=keys.access_token,
        access_secret=keys.access_secret,
        base=server.base,
        timeout=timeout,
    )


@pytest.fixture
async def server() -> AsyncIterator[XServer]:
    async with XServer() as running:
        yield running


async def test_a_signed_post_arrives_with_its_id_and_address(server: XServer, database: Database) -> None:
    receipt = await platform_for(server).send(cleared(database, "I & my <cat> – 100% naïve 🐈", platform="x"))
    assert server.texts == ["I & my <cat> – 100% naïve 🐈"]
    assert server.calls == ["POST /2/tweets"]
    assert receipt.remote_id == server.posts[0]["id"]
    assert receipt.url == f"https://x.com/i/web/status/{receipt.remote_id}"


async def test_a_wrong_secret_is_refused_and_nothing_is_posted(server: XServer, database: Database) -> None:
    wrong = replace(server.keys, access_secret="wrong")
    with pytest.raises(Refused, match=r"^X refused the post: Unauthorized \(401\)\.$"):
        await platform_for(server, wrong).send(cleared(database, "hello", platform="x"))
    assert server.posts == []


async def test_a_duplicate_is_refused_in_xs_own_words(server: XServer, database: Database) -> None:
    server.add("said before", created_at=datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(Refused, match=DUPLICATE.rstrip(".")):
        await platform_for(server).send(cleared(database, "said before", platform="x"))


async def test_a_duplicate_on_a_second_try_may_be_the_first(server: XServer, database: Database) -> None:
    post = cleared(database, "twice", platform="x", now=datetime.now(UTC))
    server.add("twice")
    object.__setattr__(post, "attempts", 2)  # as the second claim of the same row has it
    with pytest.raises(Unsure, match="already"):
        await platform_for(server).send(post)


@pytest.mark.parametrize(
    ("fault", "expected", "arrived"),
    [
        (Fault(accept=False, status=500), Unsure, False),
        (Fault(accept=True, status=503), Unsure, True),
        (Fault(accept=True), Unsure, True),  # cut after the post was made
        (Fault(accept=False), Unsure, False),  # cut before
        (Fault(accept=False, status=400, body={"title": "Invalid Request", "detail": "Bad text."}), Refused, False),
        (Fault(accept=False, status=403, body={"errors": [{"message": "Not permitted."}]}), Refused, False),
        (Fault(accept=False, status=402, body={"title": "CreditsDepleted"}), NotNow, False),
        (Fault(accept=False, status=302, headers={"Location": "http://127.0.0.1:9/"}), Refused, False),
        (Fault(accept=True, status=201, body={"data": {}}), Unsure, True),
    ],
)
async def test_what_an_answer_comes_to(
    server: XServer, database: Database, fault: Fault, expected: type[PlatformError], arrived: bool
) -> None:
    server.fail(fault)
    platform = platform_for(server, timeout=0.5)
    post = cleared(database, "what becomes of me", platform="x")
    with pytest.raises(expected) as caught:
        await platform.send(post)
    assert str(caught.value).endswith(".")
    assert bool(server.posts) == arrived
    assert [receipt.remote_id for receipt in await platform.find(post)] == [each["id"] for each in server.posts]


async def test_a_used_up_limit_says_when_to_come_back(server: XServer, database: Database) -> None:
    soon, later = datetime.now(UTC) + timedelta(minutes=7), datetime.now(UTC) + timedelta(hours=9)
    daily = {"x-user-limit-24hour-remaining": "0", "x-user-limit-24hour-reset": str(int(later.timestamp()))}
    window = {"x-rate-limit-reset": str(int(soon.timestamp()))}
    server.fail(Fault(accept=False, status=429, headers=window))
    server.fail(Fault(accept=False, status=429, headers=window | daily))
    server.fail(Fault(accept=False, status=429))
    platform, post = platform_for(server), cleared(database, "too much", platform="x")
    waits = []
    for _ in range(3):
        with pytest.raises(NotNow) as caught:
            await platform.send(post)
        waits.append(caught.value.retry_after)
    assert timedelta(minutes=6) < waits[0] <= timedelta(minutes=7)
    assert timedelta(hours=8) < waits[1] <= timedelta(hours=9)
    assert waits[2] == timedelta(minutes=15)


async def test_nobody_at_home_is_not_unsure(server: XServer, database: Database) -> None:
    platform = platform_for(server)
    await server.stop()
    post = cleared(database, "knock knock", platform="x")
    with pytest.raises(NotNow, match="cannot be reached"):
        await platform.send(post)
    with pytest.raises(NotNow, match="cannot be reached"):
        await platform.find(post)


async def test_an_older_post_with_the_same_words_is_another_post(server: XServer, database: Database) -> None:
    server.add("again", created_at=datetime.now(UTC) - timedelta(days=30))
    assert await platform_for(server).find(cleared(database, "again", platform="x")) == []


async def test_the_timeline_is_read_past_its_first_page(server: XServer, database: Database) -> None:
    post = cleared(database, "the one", platform="x")
    server.add("the one")
    for number in range(150):
        server.add(f"other {number}")
    assert [receipt.remote_id for receipt in await platform_for(server).find(post)] == [server.posts[0]["id"]]


async def test_silence_ends_at_the_time_limit(server: XServer, database: Database) -> None:
    server.fail(Fault(accept=True, stall=30.0))
    with pytest.raises(Unsure, match="time-out"):
        await asyncio.wait_for(platform_for(server, timeout=0.2).send(cleared(database, "hm", platform="x")), 10)


async def test_a_slow_x_does_not_block_the_loop(server: XServer, database: Database) -> None:
    server.fail(Fault(accept=True, stall=0.5, status=201, body={"data": {"id": "1", "text": "slow"}}))
    sending = asyncio.create_task(platform_for(server).send(cleared(database, "slow", platform="x")))
    beats = 0
    while not sending.done():
        await asyncio.sleep(0.01)
        beats += 1
    assert beats > 20
    assert (await sending).remote_id == "1"


def test_texts_compare_as_x_gives_them_back() -> None:
    assert comparable("a &amp; b  https://t.co/x1") == comparable("a & b https://example.org/long?q=1")
    assert comparable("cafe\u0301") == comparable("café")
    assert comparable("one") != comparable("two")
