"""Which planned moments have come: a pure function of now, of the last look, and of the schedules.

A schedule names local times of day in an IANA zone. Each local date gives one instant per time, whatever the clocks do:
a time that is skipped in spring is the instant that the old offset gives (02:30 becomes 03:30 by the new clock), a time
that comes twice in autumn is its first coming. This is PEP 495's ``fold=0``. Two times of one schedule that fall on the
same instant are one slot.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
MARGIN = 2  # days: UTC offsets reach 14 hours, and Samoa once skipped a whole day


class ScheduleError(ValueError):
    """A schedule cannot be kept; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One standing plan: at these local times, on these days, write a post for this platform.

    Raises:
        ScheduleError: an unknown zone or day, a time that is not HH:MM, no time at all, a grace of nothing.
    """

    name: str  # part of each slot's name
    platform: str
    times: tuple[str, ...]  # local, "09:00"
    days: tuple[str, ...] = ()  # "mon" … "sun"; empty means every day
    zone: str = "UTC"  # IANA name
    grace: timedelta = timedelta(hours=2)  # a slot found later than this is dropped
    channel: str | None = None  # the place on the platform, where it has several
    topic: str | None = None  # what the post is about

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ScheduleError(
                f'Schedule {self.name!r}: there is no time zone {self.zone!r}; use an IANA name like "Europe/London".'
            ) from None
        for wrong in (each for each in self.times if not TIME.fullmatch(each)):
            raise ScheduleError(f'Schedule {self.name!r}: {wrong!r} is not a time of day like "09:00".')
        for wrong in (day for day in self.days if day not in DAYS):
            raise ScheduleError(f"Schedule {self.name!r}: {wrong!r} is not one of {', '.join(DAYS)}.")
        if not self.times:
            raise ScheduleError(f"Schedule {self.name!r} has no times.")
        if self.grace <= timedelta(0):
            raise ScheduleError(f"Schedule {self.name!r}: its grace must be longer than nothing.")


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """One planned moment of one schedule."""

    at: datetime  # UTC
    name: str  # "x-daily@2026-01-05T09:00Z": unique in the database
    schedule: Schedule

    def late(self, now: datetime) -> bool:
        """Whether its grace is over, so that it is dropped."""
        return now - self.at > self.schedule.grace


def slots(schedule: Schedule, after: datetime, until: datetime) -> list[Slot]:
    """All slots of a schedule in the half-open interval ``(after, until]``, oldest first."""
    instants = {at for at in _instants(schedule, after, until) if after < at <= until}
    return [Slot(at=at, name=f"{schedule.name}@{at:%Y-%m-%dT%H:%MZ}", schedule=schedule) for at in sorted(instants)]


def due(now: datetime, last: datetime, schedules: Iterable[Schedule]) -> list[Slot]:
    """The slots that came after the look at ``last`` and are not late yet, oldest first."""
    found = [slot for schedule in schedules for slot in slots(schedule, last, now) if not slot.late(now)]
    return sorted(found, key=lambda slot: (slot.at, slot.name))


def dropped(now: datetime, last: datetime, schedules: Iterable[Schedule]) -> list[Slot]:
    """The slots that came after the look at ``last`` and are late by now: nobody was there to keep them."""
    found = [slot for schedule in schedules for slot in slots(schedule, last, now) if slot.late(now)]
    return sorted(found, key=lambda slot: (slot.at, slot.name))


def _instants(schedule: Schedule, after: datetime, until: datetime) -> Iterator[datetime]:
    zone = ZoneInfo(schedule.zone)
    for day in _dates(after.astimezone(UTC).date(), until.astimezone(UTC).date()):
        if schedule.days and DAYS[day.weekday()] not in schedule.days:
            continue
        for clock in schedule.times:
            yield datetime.combine(day, time.fromisoformat(clock), tzinfo=zone).astimezone(UTC)


def _dates(first: date, last: date) -> Iterator[date]:
    day = max(first, date.min + timedelta(days=MARGIN)) - timedelta(days=MARGIN)
    end = min(last, date.max - timedelta(days=MARGIN)) + timedelta(days=MARGIN)
    while day <= end:
        yield day
        day += timedelta(days=1)
