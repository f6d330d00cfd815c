"""Keeping slots: once each, over restarts, over a busy generator, and not when it is too late."""

from datetime import UTC, datetime, timedelta

from bot.schedule import Schedule, Timetable
from generation.errors import GeneratorBusy
from storage.db import Database
from storage.errors import SlotTaken
from tests.bot.rows import Clock
from tests.bot.scripted import ScriptedComposer

PLAN = Schedule(name="x-daily", platform="x", times=("09:00",), grace=timedelta(hours=2), channel="c", topic="trains")
EIGHT, NINE = datetime(2026, 1, 5, 8, tzinfo=UTC), datetime(2026, 1, 5, 9, tzinfo=UTC)
SLOT = "x-daily@2026-01-05T09:00Z"


async def test_a_slot_is_kept_when_it_comes_and_once(database: Database) -> None:
    composer, clock, woken = ScriptedComposer(database), Clock(EIGHT), list[bool]()
    timetable = Timetable(composer, [PLAN], clock=clock, wake=lambda: woken.append(True))
    assert await timetable.once() == 0
    clock.now = NINE
    assert await timetable.once() == 1
    clock.now = NINE + timedelta(minutes=1)
    assert await timetable.once() == 0
    [ask] = composer.asks
    assert (ask.slot, ask.platform, ask.channel, ask.topic, ask.who) == (SLOT, "x", "c", "trains", "schedule:x-daily")
    assert woken == [True]


async def test_a_slot_missed_while_away_is_made_up_for_within_its_grace(database: Database) -> None:
    composer = ScriptedComposer(database)
    assert await Timetable(composer, [PLAN], clock=Clock(NINE + timedelta(minutes=119))).once() == 1
    assert await Timetable(composer, [PLAN], clock=Clock(NINE + timedelta(minutes=121))).once() == 0


async def test_a_restart_does_not_keep_a_slot_again(database: Database) -> None:
    composer, soon = ScriptedComposer(database), Clock(datetime.now(UTC))
    plan = Schedule(name="often", platform="x", times=(f"{soon.now:%H:%M}",))
    assert await Timetable(composer, [plan], clock=soon).once() == 1
    assert await Timetable(composer, [plan], clock=soon).once() == 0
    assert len(composer.asks) == 1


async def test_a_busy_generator_is_asked_again_until_it_is_too_late(database: Database) -> None:
    busy = [GeneratorBusy("full") for _ in range(3)]
    composer, clock = ScriptedComposer(database, *busy), Clock(EIGHT)
    timetable = Timetable(composer, [PLAN], clock=clock)
    await timetable.once()
    for minutes in (0, 30):
        clock.now = NINE + timedelta(minutes=minutes)
        assert await timetable.once() == 0
    assert len(composer.asks) == 2
    clock.now = NINE + timedelta(minutes=121)
    assert await timetable.once() == 0
    assert len(composer.asks) == 2  # dropped, not tried a third time


async def test_a_slot_that_another_took_is_done_with(database: Database) -> None:
    composer, clock = ScriptedComposer(database, SlotTaken("taken")), Clock(EIGHT)
    timetable = Timetable(composer, [PLAN], clock=clock)
    await timetable.once()
    clock.now = NINE
    assert await timetable.once() == 0
    assert await timetable.once() == 0
    assert len(composer.asks) == 1


async def test_a_topic_that_the_gate_turns_away_is_not_tried_for_ever(database: Database) -> None:
    composer, clock = ScriptedComposer(database, None), Clock(EIGHT)
    timetable = Timetable(composer, [PLAN], clock=clock)
    await timetable.once()
    clock.now = NINE
    await timetable.once()
    await timetable.once()
    assert len(composer.asks) == 1


async def test_a_clock_set_back_keeps_no_slot_twice(database: Database) -> None:
    composer, clock = ScriptedComposer(database), Clock(EIGHT)
    timetable = Timetable(composer, [PLAN], clock=clock)
    await timetable.once()
    clock.now = NINE
    assert await timetable.once() == 1
    clock.now = NINE - timedelta(minutes=5)
    await timetable.once()
    clock.now = NINE + timedelta(minutes=1)
    await timetable.once()
    assert [ask.slot for ask in composer.asks] == [SLOT]
