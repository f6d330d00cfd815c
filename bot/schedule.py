"""Which planned moments have come (a pure function of now, of the last look and of the schedules), and keeping them.

A schedule names local times of day in an IANA zone. Each local date gives one instant per time, whatever the clocks do:
a time that is skipped in spring is the instant that the old offset gives (02:30 becomes 03:30 by the new clock), a time
that comes twice in autumn is its first coming. This is PEP 495's ``fold=0``. Two times of one schedule that fall on the
same instant are one slot.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.compose import Ask, Composer
from bot.errors import ScheduleError
from generation.errors import GenerationError
from storage import posts
from storage.errors import SlotTaken

log = logging.getLogger(__name__)

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
MARGIN = 2  # days: UTC offsets reach 14 hours, and Samoa once skipped a whole day


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


def _tell_dropped(slot: Slot) -> None:
    log.warning("Slot %s is too late now: dropped.", slot.name, extra={"action": "drop", "slot": slot.name})


class Timetable:
    """Composes a post for each slot when it comes; one that finds the generator busy is tried again until late."""

    def __init__(
        self,
        composer: Composer,
        schedules: Sequence[Schedule],
        *,
        wake: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        beat: float = 1.0,
    ) -> None:
        """``wake`` is called when a post may be ready to go; ``beat`` is in seconds."""
        self._composer = composer
        self._schedules = list(schedules)
        self._wake = wake
        self._clock = clock
        self._beat = beat
        self._stopped = asyncio.Event()
        # A look back over the grace finds what came while nobody was running; the database knows what was kept.
        self._last = clock() - max((plan.grace for plan in schedules), default=timedelta(0))
        self._open: dict[str, Slot] = {}

    async def run(self) -> None:
        """Keep the slots until :meth:`stop`."""
        while not self._stopped.is_set():
            await self.once()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), self._beat)

    def stop(self) -> None:
        """Begin no further post."""
        self._stopped.set()

    async def once(self) -> int:
        """Keep every slot that is due; how many posts were composed."""
        now = self._clock()
        for slot in dropped(now, self._last, self._schedules):
            _tell_dropped(slot)
        self._open |= {slot.name: slot for slot in due(now, self._last, self._schedules)}
        self._last = now
        if not self._open:
            return 0
        kept = await asyncio.to_thread(self._kept, min(slot.at for slot in self._open.values()))
        composed = 0
        for slot in sorted(self._open.values(), key=lambda slot: (slot.at, slot.name)):
            if slot.name in kept:
                del self._open[slot.name]
            elif slot.late(now):
                _tell_dropped(slot)
                del self._open[slot.name]
            elif not self._stopped.is_set():
                composed += await self._keep(slot)
        return composed

    async def _keep(self, slot: Slot) -> bool:
        """Compose the slot's post; False when it must be tried again, or another had it first."""
        plan = slot.schedule
        ask = Ask(
            platform=plan.platform,
            who=f"schedule:{plan.name}",
            channel=plan.channel,
            topic=plan.topic,
            slot=slot.name,
        )
        try:
            outcome = await self._composer.compose(ask)
        except SlotTaken:
            del self._open[slot.name]
            return False
        except GenerationError as error:
            log.warning("Slot %s waits: %s", slot.name, error, extra={"action": "slot", "slot": slot.name})
            return False
        del self._open[slot.name]
        became = outcome.state or "turned away: the gate does not allow its topic"
        log.info("Slot %s: post %s is %s.", slot.name, outcome.post_id, became, extra={"action": "slot"})
        self._wake()
        return True

    def _kept(self, since: datetime) -> set[str]:
        with self._composer.database.reading() as session:
            return posts.slots(session, since=since - timedelta(minutes=1))
