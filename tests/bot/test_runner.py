"""Starting, failing and stopping together."""

import asyncio
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.runner import Runner, Upkeep
from bot.wiring import Reminder
from generation.adapter import Adapter
from storage.db import Database
from storage.errors import AlreadyRunning, DatabaseUnavailable
from storage.lifecycle import State
from tests.bot.rows import add_post, stored


class Part:
    """A service that notes what happens to it."""

    def __init__(self, notes: list[str], name: str, *, fails: Exception | None = None, stubborn: bool = False) -> None:
        self.notes, self.name, self.fails, self.stubborn = notes, name, fails, stubborn
        self.stopped = asyncio.Event()

    async def run(self) -> None:
        self.notes.append(f"{self.name} runs")
        if self.fails is not None:
            raise self.fails
        await self.stopped.wait()
        if self.stubborn:
            await asyncio.sleep(3600)
        self.notes.append(f"{self.name} is done")

    def stop(self) -> None:
        self.stopped.set()


async def begun(notes: list[str], count: int) -> None:
    async with asyncio.timeout(5):
        while len(notes) < count:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_the_parts_in_their_order(database: Database, by: signal.Signals) -> None:
    notes: list[str] = []
    running = asyncio.create_task(Runner(database, [Part(notes, "one"), Part(notes, "two")]).run())
    await begun(notes, 2)
    os.kill(os.getpid(), by)
    await asyncio.wait_for(running, 5)
    assert notes[2:] == ["one is done", "two is done"]


async def test_one_failing_part_stops_the_others_and_is_the_failure(database: Database) -> None:
    notes: list[str] = []
    trouble = ExceptionGroup("several", [ValueError("the token is wrong")])
    with pytest.raises(ValueError, match="the token is wrong"):
        await asyncio.wait_for(Runner(database, [Part(notes, "one"), Part(notes, "two", fails=trouble)]).run(), 5)
    assert "one is done" in notes


async def test_a_part_that_lost_the_database_begins_anew(database: Database) -> None:
    notes: list[str] = []
    part = Part(notes, "one", fails=ExceptionGroup("lanes", [DatabaseUnavailable("The server is away.")]))
    runner = Runner(database, [part, Part(notes, "two")], pause=0.01)
    running = asyncio.create_task(runner.run())
    await begun(notes, 4)
    part.fails = None
    await asyncio.sleep(0.05)
    runner.stop()
    await asyncio.wait_for(running, 5)
    assert notes.count("one runs") >= 3
    assert notes.count("two runs") == 1
    assert notes[-2:] == ["one is done", "two is done"]


async def test_a_part_that_does_not_finish_is_left(database: Database) -> None:
    notes: list[str] = []
    runner = Runner(database, [Part(notes, "one", stubborn=True), Part(notes, "two")], patience=0.05)
    running = asyncio.create_task(runner.run())
    await begun(notes, 2)
    runner.stop()
    await asyncio.wait_for(running, 5)
    assert "one is done" not in notes
    assert "two is done" in notes


async def test_a_second_signal_does_not_wait(database: Database) -> None:
    notes: list[str] = []
    running = asyncio.create_task(Runner(database, [Part(notes, "one", stubborn=True)], patience=60.0).run())
    await begun(notes, 1)
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.wait_for(running, 5)
    assert notes == ["one runs"]


async def test_two_runners_on_one_database_the_second_says_so(database: Database) -> None:
    notes: list[str] = []
    first = Runner(database, [Part(notes, "first")])
    running = asyncio.create_task(first.run())
    await begun(notes, 1)
    with pytest.raises(AlreadyRunning, match="already works on"):
        await asyncio.wait_for(Runner(database, [Part(notes, "second")]).run(), 5)
    first.stop()
    await asyncio.wait_for(running, 5)
    third = Runner(database, [Part(notes, "third")])
    third.stop()
    await asyncio.wait_for(third.run(), 5)
    assert "second runs" not in notes


async def test_upkeep_lets_old_posts_go(database: Database) -> None:
    now = datetime(2026, 1, 5, 9, tzinfo=UTC)
    old = add_post(database, "old", now=now, expires_at=now + timedelta(hours=1))
    young = add_post(database, "young", now=now, expires_at=now + timedelta(days=1))
    assert await Upkeep(database, clock=lambda: now + timedelta(hours=2)).once() == 1
    assert stored(database, old).state is State.EXPIRED
    assert stored(database, young).state is State.APPROVED


def test_the_owner_is_told_once_that_posts_were_taken_back(
    adapter: Adapter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also when it happens while the bot runs, and again when somebody else asks after a new training."""
    mine = Adapter(tmp_path, adapter.card)
    look = Reminder(mine)

    def told() -> int:
        look()
        return sum("were taken back" in record.message for record in caplog.records)

    assert told() == 0
    (tmp_path / "stale.json").write_text('{"at": "2026-01-05T00:00:00+00:00"}')
    assert (told(), told()) == (1, 1)
    (tmp_path / "stale.json").unlink()
    assert told() == 1
    (tmp_path / "stale.json").write_text("{")  # damaged, but somebody marked it
    assert (told(), told()) == (2, 2)
