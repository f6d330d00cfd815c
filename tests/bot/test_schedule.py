"""Slots: one per local date and time, whatever the clocks do."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ScheduleError
from bot.schedule import DAYS, Schedule, Slot, dropped, due, slots

ZONES = [
    "UTC",
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",  # clocks move by half an hour
    "Asia/Kathmandu",  # +05:45
    "America/St_Johns",
    "Pacific/Kiritimati",  # +14
    "Pacific/Pago_Pago",  # -11
    "Africa/Casablanca",  # leaves summer time for Ramadan
    "Pacific/Apia",  # had no 30 December 2011
]
FIRST = datetime(2009, 1, 1, tzinfo=UTC)
instants = st.integers(0, 22 * 365 * 24 * 60).map(lambda minutes: FIRST + timedelta(minutes=minutes))
clocks = st.times().map(lambda clock: f"{clock:%H:%M}")
plans = st.builds(
    Schedule,
    name=st.just("plan"),
    platform=st.just("x"),
    times=st.lists(clocks, min_size=1, max_size=3).map(tuple),
    days=st.lists(st.sampled_from(DAYS), max_size=7, unique=True).map(tuple),
    zone=st.sampled_from(ZONES),
)


def daily(clock: str, zone: str) -> Schedule:
    return Schedule(name="daily", platform="x", times=(clock,), zone=zone)


def between(schedule: Schedule, first: str, last: str) -> list[Slot]:
    return slots(schedule, datetime.fromisoformat(first), datetime.fromisoformat(last))


def test_a_slot_is_named_by_schedule_and_utc_instant() -> None:
    plan = Schedule(name="x-daily", platform="x", times=("09:00",), zone="Europe/London")
    [slot] = between(plan, "2026-01-05T00:00Z", "2026-01-06T00:00Z")
    assert slot.name == "x-daily@2026-01-05T09:00Z"
    [summer] = between(plan, "2026-07-05T00:00Z", "2026-07-06T00:00Z")
    assert summer.name == "x-daily@2026-07-05T08:00Z"


def test_a_time_skipped_in_spring_runs_once_at_the_old_offset() -> None:
    found = between(daily("02:30", "America/New_York"), "2026-03-08T05:00Z", "2026-03-09T04:00Z")
    assert [slot.at for slot in found] == [datetime(2026, 3, 8, 7, 30, tzinfo=UTC)]
    assert found[0].at.astimezone(ZoneInfo("America/New_York")).time() == time(3, 30)


def test_a_time_that_comes_twice_in_autumn_runs_once_at_its_first_coming() -> None:
    found = between(daily("01:30", "America/New_York"), "2026-11-01T04:00Z", "2026-11-02T05:00Z")
    assert [slot.at for slot in found] == [datetime(2026, 11, 1, 5, 30, tzinfo=UTC)]


def test_a_date_that_never_was_adds_nothing_of_its_own() -> None:
    found = between(daily("12:00", "Pacific/Apia"), "2011-12-28T12:00Z", "2012-01-01T12:00Z")
    assert len({slot.at for slot in found}) == len(found)
    walls = [slot.at.astimezone(ZoneInfo("Pacific/Apia")).date() for slot in found]
    assert walls == [date(2011, 12, 28), date(2011, 12, 29), date(2011, 12, 31), date(2012, 1, 1)]


def test_only_the_days_asked_for() -> None:
    plan = Schedule(name="weekly", platform="x", times=("09:00",), days=("mon", "fri"), zone="Europe/London")
    found = between(plan, "2026-01-01T00:00Z", "2026-01-15T00:00Z")
    assert Counter(DAYS[slot.at.weekday()] for slot in found) == {"mon": 2, "fri": 2}


def test_a_late_slot_is_dropped_and_told() -> None:
    plan = Schedule(name="x-daily", platform="x", times=("09:00",), grace=timedelta(hours=2))
    last = datetime(2026, 1, 5, 8, tzinfo=UTC)
    at = datetime(2026, 1, 5, 9, tzinfo=UTC)
    assert [slot.at for slot in due(at + timedelta(hours=2), last, [plan])] == [at]
    assert due(at + timedelta(hours=2, seconds=1), last, [plan]) == []
    assert [slot.at for slot in dropped(at + timedelta(hours=2, seconds=1), last, [plan])] == [at]


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"zone": "Europe/Lundon"}, "Europe/Lundon"),
        ({"zone": "../etc/passwd"}, "passwd"),
        ({"times": ("9 o'clock",)}, "9 o'clock"),
        ({"times": ("24:00",)}, "24:00"),
        ({"times": ()}, "no times"),
        ({"days": ("caturday",)}, "caturday"),
        ({"grace": timedelta(0)}, "grace"),
    ],
)
def test_a_wrong_schedule_says_what_is_wrong(wrong: dict[str, object], word: str) -> None:
    with pytest.raises(ScheduleError, match=r"^Schedule 'daily'") as caught:
        Schedule(**{"name": "daily", "platform": "x", "times": ("09:00",)} | wrong)  # type: ignore[arg-type]
    assert word in str(caught.value)


@given(plans, instants, st.timedeltas(timedelta(0), timedelta(days=40)), st.floats(0, 1))
def test_looking_twice_finds_each_slot_exactly_once(
    plan: Schedule, start: datetime, length: timedelta, cut: float
) -> None:
    middle, end = start + length * cut, start + length
    whole = slots(plan, start, end)
    assert slots(plan, start, middle) + slots(plan, middle, end) == whole
    assert len({slot.name for slot in whole}) == len(whole)
    assert all(start < slot.at <= end for slot in whole)


@given(st.sampled_from(ZONES), clocks, instants)
def test_every_local_date_has_exactly_one_slot(zone: str, clock: str, start: datetime) -> None:
    """None of these zones changes its clocks so near midnight that a skipped time would fall on the next date."""
    here = ZoneInfo(zone)
    first = start.astimezone(here).date()
    days = [first + timedelta(days=n) for n in range(30)]
    found = slots(daily(clock, zone), start - timedelta(days=1), start + timedelta(days=31))
    per_day = Counter(slot.at.astimezone(here).date() for slot in found)
    assert {day: per_day[day] for day in days} == {day: int(_exists(day, here)) for day in days}


@given(plans, instants)
def test_outside_clock_changes_the_wall_shows_the_time_asked_for(plan: Schedule, start: datetime) -> None:
    here = ZoneInfo(plan.zone)
    for slot in slots(plan, start, start + timedelta(days=10)):
        near = [slot.at + timedelta(hours=hours) for hours in (-4, 4)]
        if len({at.astimezone(here).utcoffset() for at in near}) == 1:
            wall = slot.at.astimezone(here)
            assert f"{wall:%H:%M}" in plan.times
            assert not plan.days or DAYS[wall.weekday()] in plan.days


def _exists(day: date, zone: ZoneInfo) -> bool:
    noon = datetime.combine(day, time(12), tzinfo=zone)
    return noon.astimezone(UTC).astimezone(zone).date() == day
