"""Posts ready before anybody asks: a background loop with a low and a high mark for each platform.

It restocks when somebody has asked of late and the stock is below the low mark, in big batches that give way to
people. When the bot starts, it fills up to the low mark once, so that the first person is served. It rests when
nobody asks. What another policy or another word list judged is judged again; what is too old expires with everything
else (upkeep).
"""

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import Session

from bot.compose import Ask, Composer
from generation.errors import GenerationError, GeneratorBusy
from moderation.context import Context
from moderation.verdict import Decision
from storage import posts
from storage.errors import StaleMove
from storage.lifecycle import State

log = logging.getLogger(__name__)

WHO = "shelf"
BATCH = 128  # texts at most in one go
JUDGED = 50  # outdated posts that are judged again in one round
AFTER_FAILURE = 60.0  # seconds of rest when the engine cannot write

_FATE = {Decision.HOLD: State.HELD, Decision.BLOCK: State.BLOCKED}


class Shelf:
    """Keeps every platform's stock between two marks. A service of the runner."""

    def __init__(
        self,
        composer: Composer,
        *,
        platforms: Sequence[str] = ("discord",),
        low: int = 8,
        high: int = 32,
        idle: timedelta = timedelta(hours=24),
        every: float = 2.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing is written yet.

        Args:
            composer: writes, judges and records.
            platforms: those whose people ask for a post at once.
            low, high: restock below ``low`` posts, up to ``high``.
            idle: nobody asked for this long: rest.
            every: seconds between two looks.
            clock: tells the time.
        """
        self._composer = composer
        self._platforms = tuple(platforms)
        self._low = low
        self._high = max(low, high)
        self._idle = idle
        self._every = every
        self._clock = clock
        self._stopped = asyncio.Event()
        self._asked: dict[str, datetime] = {}
        self._seen: int | None = None  # the last event that was looked at
        self._primed: set[str] = set()
        self._kept = 0.7  # share of written texts that reach the shelf; follows what is seen

    async def run(self) -> None:
        """Look after the shelf until :meth:`stop`."""
        while not self._stopped.is_set():
            rest = self._every
            try:
                await self.once()
            except GeneratorBusy:
                pass  # people come first; look again soon
            except GenerationError as error:
                log.warning("The shelf cannot be restocked: %s", error, extra={"action": "shelf-failed"})
                rest = max(rest, AFTER_FAILURE)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), rest)

    def stop(self) -> None:
        """No further round."""
        self._stopped.set()

    async def once(self) -> int:
        """One look at every platform; how many posts came onto the shelf."""
        await asyncio.to_thread(self._judge_again)
        missing = await asyncio.to_thread(self._missing)
        added = 0
        for platform, count in missing.items():
            added += await self._restock(platform, count)
        return added

    async def _restock(self, platform: str, missing: int) -> int:
        count = min(BATCH, math.ceil(missing / max(self._kept, 0.1)))
        outcomes = await self._composer.stock(Ask(platform, WHO), count)
        shelved = sum(outcome.state is State.SHELVED for outcome in outcomes)
        self._kept = 0.5 * self._kept + 0.5 * shelved / count
        self._primed.add(platform)
        log.info(
            "%d of %d new posts for %s are on the shelf.",
            shelved,
            count,
            platform,
            extra={"action": "restock", "platform": platform, "written": count, "shelved": shelved},
        )
        return shelved

    # Below here everything runs in a thread.

    def _missing(self) -> dict[str, int]:
        """How many posts each platform lacks; platforms that lack none are left out."""
        now = self._clock()
        with self._composer.database.reading() as session:
            self._listen(session, now)
            policy, voice = self._composer.gate.rules, self._composer.worker.identity.adapter_hash
            ready = {
                stock.platform: stock.count
                for stock in posts.stock(session, now=now)
                if stock.adapter_hash == voice and stock.policy == policy
            }
        missing = {}
        for platform in self._platforms:
            have = ready.get(platform, 0)
            asked = platform in self._asked and now - self._asked[platform] < self._idle
            if have < self._low and (asked or platform not in self._primed):
                missing[platform] = (self._high if asked else self._low) - have
        return missing

    def _listen(self, session: Session, now: datetime) -> None:
        """Who has asked since the last look? Reads new events only."""
        if self._seen is None:
            self._seen = posts.last_event(session)
            return
        self._seen, wishes = posts.wishes(session, after=self._seen)
        for wish in wishes:
            self._asked[wish.platform] = now

    def _judge_again(self) -> None:
        """Posts that other rules judged: keep, hold or block them by today's."""
        gate, now = self._composer.gate, self._clock()
        with self._composer.database.reading() as session:
            outdated = posts.outdated(session, policy=gate.rules, limit=JUDGED)
        for post in outdated:
            verdict = gate.judge(post.text, Context(platform=post.platform))
            why = "judged again: " + (verdict.reasons[0] if verdict.reasons else "the gate found nothing")
            change: dict[str, Any] = {
                "verdict": verdict.to_json(),
                "decision": str(verdict.decision),
                "policy": verdict.policy,
            }
            asking: dict[str, Any] = {
                "post_id": post.number,
                "expect": State.SHELVED,
                "who": WHO,
                "why": why,
                "now": now,
            }
            # Somebody may take it meanwhile: then it was allowed by the policy of that moment.
            with suppress(StaleMove), self._composer.database.session() as session:
                if verdict.decision is Decision.ALLOW:
                    posts.amend(session, version=post.version, **asking, **change)
                else:
                    fate = _FATE[verdict.decision]
                    posts.move(session, to=fate, version=post.version, expires_at=None, **asking, **change)


@dataclass(frozen=True, slots=True)
class Shelved:
    """One platform's shelf for one adapter, for people to read."""

    platform: str
    adapter: str
    ready: int = 0
    outdated: int = 0  # judged by other rules: judged again before anybody gets one
    oldest: datetime | None = None
    newest: datetime | None = None
    taken: int = 0  # wishes answered from the shelf
    written: int = 0  # wishes for which somebody had to wait

    @property
    def hit_rate(self) -> float | None:
        """Share of wishes that the shelf answered; None when there were none."""
        wishes = self.taken + self.written
        return self.taken / wishes if wishes else None

    def to_json(self, now: datetime) -> dict[str, Any]:
        """Plain values; ages in seconds."""
        ages = {
            name: None if at is None else round((now - at).total_seconds())
            for name, at in (("oldest_seconds", self.oldest), ("newest_seconds", self.newest))
        }
        counts = {"ready": self.ready, "outdated": self.outdated, "taken": self.taken, "written": self.written}
        return {"platform": self.platform, "adapter": self.adapter, **counts, **ages, "hit_rate": self.hit_rate}


def shelved(session: Session, *, policy: str, now: datetime, since: datetime) -> list[Shelved]:
    """Stock of every platform and adapter, with the wishes since a moment."""
    rows: dict[tuple[str, str], Shelved] = {}
    for stock in posts.stock(session, now=now):
        key = (stock.platform, stock.adapter)
        row = rows.get(key, Shelved(*key))
        current = stock.policy == policy
        rows[key] = replace(
            row,
            ready=row.ready + stock.count * current,
            outdated=row.outdated + stock.count * (not current),
            oldest=min(filter(None, (row.oldest, stock.oldest))),
            newest=max(filter(None, (row.newest, stock.newest))),
        )
    for wish in posts.wishes(session, since=since)[1]:
        key = (wish.platform, wish.adapter)
        rows[key] = replace(rows.get(key, Shelved(*key)), taken=wish.taken, written=wish.written)
    return [rows[key] for key in sorted(rows)]
