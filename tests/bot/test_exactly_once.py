"""Exactly once, on the real tweepy client: killed processes, lost answers, lagging timelines, any run of bad luck."""

import asyncio
import random
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.publish import Publisher
from storage.db import Database
from storage.lifecycle import State
from tests.bot.rows import Clock, add_post, stored, until
from tests.bot.test_x import platform_for
from tests.loopback.faults import Fault
from tests.loopback.x_server import XServer


@pytest.fixture
async def server() -> AsyncIterator[XServer]:
    async with XServer() as running:
        yield running


async def _child(database: Database, server: XServer) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bot.publish_child",
        f"sqlite:///{database.name}",
        server.base,
        cwd=Path(__file__).parents[2],
    )


@pytest.mark.parametrize("arrived", [True, False])
async def test_killed_in_the_middle_of_a_send_there_is_one_post_in_the_end(
    database: Database, server: XServer, arrived: bool
) -> None:
    """kill -9 after the request reached X and before the database heard of it: X has it, or has it not."""
    number = add_post(database, "only once")
    server.fail(Fault(accept=arrived, stall=60.0))
    child = await _child(database, server)
    await asyncio.wait_for(server.faults.stalled.wait(), 30)
    child.kill()
    assert await child.wait() == -signal.SIGKILL
    assert stored(database, number).state is State.SENDING
    assert len(server.posts) == int(arrived)

    child = await _child(database, server)
    await until(database, number, State.PUBLISHED)
    child.kill()
    await child.wait()
    assert server.texts == ["only once"]
    assert stored(database, number).remote_id == server.posts[0]["id"]
    assert stored(database, number).attempts == (1 if arrived else 2)


async def test_a_lost_answer_and_a_lagging_timeline_still_end_in_one_post(
    database: Database, server: XServer, clock: Clock
) -> None:
    """X accepted it but does not show it yet: the second try is refused as a duplicate, and then found."""
    number = add_post(database, "slow to show", now=datetime.now(UTC))
    clock.now = datetime.now(UTC)
    server.fail(Fault(accept=True))
    server.lag = True
    publishing = Publisher(database, {"x": platform_for(server)}, clock=clock, settle=timedelta(seconds=30))
    await publishing.publish_once()
    clock.now += timedelta(minutes=1)
    await publishing.reconcile()  # not there, as far as X shows
    await publishing.publish_once()
    assert stored(database, number).state is State.UNCERTAIN
    server.lag = False
    clock.now += timedelta(minutes=1)
    await publishing.reconcile()
    assert stored(database, number).state is State.PUBLISHED
    assert server.texts == ["slow to show"]


BAD_LUCK = [
    Fault(accept=True),  # made, and the connection cut
    Fault(accept=False),  # not made, and the connection cut
    Fault(accept=True, status=503),
    Fault(accept=False, status=500),
    Fault(accept=True, status=201, body={"data": {}}),  # made, and the answer makes no sense
    Fault(accept=False, status=429),
    Fault(accept=False, status=403, body={"detail": "Not permitted."}),
]


@pytest.mark.parametrize("luck", range(2))
async def test_whatever_happens_nothing_is_posted_twice_and_the_record_is_true(
    db: Database, server: XServer, clock: Clock, luck: int
) -> None:
    """Twenty posts, every second send goes wrong in some way, the timeline lags at times, the process dies at times.

    On SQLite and on PostgreSQL.
    """
    draw = random.Random(luck)
    clock.now = datetime.now(UTC)
    numbers = [add_post(db, f"confession number {number}", now=clock.now) for number in range(20)]
    x = platform_for(server)
    publishing = Publisher(db, {"x": x}, clock=clock)
    for _ in range(30):
        server.faults.add(*(draw.choice(BAD_LUCK) for _ in range(draw.randrange(2))))
        server.lag = draw.random() < 0.2
        running = asyncio.create_task(publishing.publish_once())
        if draw.random() < 0.3:  # the process dies in the middle of something
            await asyncio.sleep(draw.random() * 0.02)
            running.cancel()
            await asyncio.wait({running})
            await asyncio.sleep(0.05)  # what was on the wire arrives
            publishing = Publisher(db, {"x": x}, clock=clock)
            await publishing.recover()
        await asyncio.wait({running})
        clock.now += timedelta(minutes=20)
        await publishing.reconcile()
    assert len(set(server.texts)) == len(server.texts)
    rows = [stored(db, number) for number in numbers]
    there = set(server.texts)
    assert {row.text for row in rows if row.state is State.PUBLISHED} <= there
    assert not {row.text for row in rows if row.state is State.FAILED} & there
    assert sum(row.state is State.PUBLISHED for row in rows) >= 10
    by_id = {post["id"]: post["text"] for post in server.posts}
    assert all(by_id[str(row.remote_id)] == row.text for row in rows if row.state is State.PUBLISHED)
    undecided = {row.text for row in rows if row.state not in {State.PUBLISHED, State.FAILED}}
    assert there - {row.text for row in rows if row.state is State.PUBLISHED} <= undecided
