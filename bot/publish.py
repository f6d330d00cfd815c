"""From an approved row to the platform, exactly once.

Publishing **begins** at a row. A row is *sending* before the network is touched, so that a crash leaves a trace; what
was left in *sending* becomes *uncertain* at the next start, and an uncertain post is looked for on its platform before
anybody sends it again or a person is asked. Nothing is ever sent twice on a guess.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.platforms.base import NotNow, Platform, PlatformError, Receipt, Refused, Unsure
from storage import posts
from storage.db import Database
from storage.lifecycle import State
from storage.posts import ClearedPost, Outgoing

log = logging.getLogger(__name__)

WHO = "publisher"
MAX_ATTEMPTS = 3  # after so many sends of which none is to be found, a person decides
SETTLE = timedelta(seconds=30)  # how long a platform may take to show what it accepted
LOOK_AGAIN = timedelta(minutes=15)  # when a platform does not let us look
GIVE_UP = timedelta(days=1)  # of not being let look; then a person decides
RECENT = 500  # published posts whose remote ids are known not to be the one looked for


class Publisher:
    """Sends approved posts, one lane per platform, so that a slow platform holds up nobody else."""

    def __init__(
        self,
        database: Database,
        platforms: Mapping[str, Platform],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        poll: float = 1.0,
        settle: timedelta = SETTLE,
    ) -> None:
        """``poll``: seconds between two looks at the database, for posts that another process approved."""
        self._database = database
        self._platforms = dict(platforms)
        self._clock = clock
        self._poll = poll
        self._settle_time = settle
        self._stopping = False
        self._woken = {name: asyncio.Event() for name in self._platforms}
        self._paused: dict[str, datetime] = {}  # platform → nothing is sent there before
        self._look_after: dict[int, datetime] = {}  # post → it is not looked for before

    async def run(self) -> None:
        """Recover, then publish and reconcile until :meth:`stop`; a send in flight is finished first.

        Call it only while this is the database's only runner.
        """
        await self.recover()
        async with asyncio.TaskGroup() as lanes:
            for name in self._platforms:
                lanes.create_task(self._lane(name), name=f"publish-{name}")
            lanes.create_task(self._reconciler(), name="reconcile")

    def wake(self) -> None:
        """Look at once: something was approved."""
        for event in self._woken.values():
            event.set()

    def stop(self) -> None:
        """Take no further post."""
        self._stopping = True
        self.wake()

    async def recover(self) -> int:
        """Posts left on their way by a run that died become *uncertain*; how many."""
        left = await asyncio.to_thread(self._recover)
        if left:
            log.warning("%d posts were on their way when the last run ended.", left, extra={"action": "recover"})
        return left

    async def publish_once(self) -> int:
        """Send everything that is due, all platforms at once; how many sends were tried."""
        return sum(await asyncio.gather(*(self._drain(name) for name in self._platforms)))

    async def reconcile(self) -> int:
        """Look for each uncertain post on its platform; how many are settled now."""
        settled = 0
        for post in await asyncio.to_thread(self._uncertain):
            if self._may_look(post):
                settled += await self._look(post)
        return settled

    # Sending.

    async def _lane(self, name: str) -> None:
        while not self._stopping:
            self._woken[name].clear()
            await self._drain(name)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken[name].wait(), self._poll)

    async def _drain(self, name: str) -> int:
        tried = 0
        while not self._stopping and self._paused.get(name, self._clock()) <= self._clock():
            post = await asyncio.to_thread(self._claim, name)
            if post is None:
                break
            await self._send(self._platforms[name], post)
            tried += 1
        return tried

    async def _send(self, platform: Platform, post: ClearedPost) -> None:
        try:
            receipt = await platform.send(post)
        except Refused as error:
            await self._refused(platform, post, error)
        except NotNow as error:
            later = self._clock() + error.retry_after
            self._paused[platform.name] = later
            await self._move(post, State.APPROVED, str(error), not_before=later)
        except Unsure as error:
            await self._move(post, State.UNCERTAIN, str(error))
        except Exception as error:
            log.exception("The %s platform broke.", platform.name, extra={"action": "publish", "post": post.id})
            await self._move(post, State.UNCERTAIN, f"the {platform.name} platform broke ({type(error).__name__})")
        else:
            await self._published(post, State.SENDING, receipt, f"sent to {platform.name}")

    async def _refused(self, platform: Platform, post: ClearedPost, error: Refused) -> None:
        """A refusal is final, unless it is of a second send and the first one is there after all."""
        try:
            receipt = await self._there(platform, post) if post.attempts > 1 else None
        except PlatformError:
            await self._move(post, State.UNCERTAIN, f"{error} An earlier try may have arrived.")
            return
        if receipt is None:
            await self._move(post, State.FAILED, str(error))
        else:
            await self._published(post, State.SENDING, receipt, f"found on {platform.name}, from an earlier try")

    # Reconciling.

    async def _there(self, platform: Platform, post: Outgoing) -> Receipt | None:
        """The post on its platform, if it is there and no other post's."""
        found = await platform.find(post)
        taken = await asyncio.to_thread(self._remote_ids, platform.name) if found else set()
        return next((each for each in found if each.remote_id not in taken), None)

    async def _reconciler(self) -> None:
        """Rare work on a slow beat; stops within one poll."""
        while not self._stopping:
            await self.reconcile()
            await asyncio.sleep(self._poll)

    def _may_look(self, post: Outgoing) -> bool:
        now = self._clock()
        return now >= max(post.sent_at + self._settle_time, self._look_after.get(post.id, now))

    async def _look(self, post: Outgoing) -> bool:
        platform = self._platforms[post.platform]
        try:
            receipt = await self._there(platform, post)
        except NotNow as error:
            return await self._look_later(post, str(error), error.retry_after)
        except Refused as error:
            return await self._look_later(post, str(error), LOOK_AGAIN)
        except Unsure as error:
            await self._move(post, State.HELD, f"{error} Approve it only if it is not there.", State.UNCERTAIN)
            return True
        except Exception as error:
            log.exception("Looking on %s broke.", platform.name, extra={"action": "reconcile", "post": post.id})
            return await self._look_later(post, f"looking broke ({type(error).__name__}).", LOOK_AGAIN)
        if receipt is not None:
            await self._published(post, State.UNCERTAIN, receipt, f"found on {platform.name}")
        elif post.attempts < MAX_ATTEMPTS:
            await self._move(post, State.APPROVED, f"not on {platform.name}; sent again", State.UNCERTAIN)
        else:
            sentence = f"Sent {post.attempts} times and not found on {platform.name}: look there, then decide."
            await self._move(post, State.HELD, sentence, State.UNCERTAIN)
        self.wake()
        return True

    async def _look_later(self, post: Outgoing, why: str, wait: timedelta) -> bool:
        if self._clock() - post.sent_at > GIVE_UP:
            sentence = f"Nobody could look for a day: {why} Approve it only if it is not there."
            await self._move(post, State.HELD, sentence, State.UNCERTAIN)
            return True
        self._look_after[post.id] = self._clock() + wait
        log.warning("Post %d stays uncertain: %s", post.id, why, extra={"action": "reconcile", "post": post.id})
        return False

    # The record. Each is one short transaction in a thread.

    async def _published(self, post: Outgoing, expect: State, receipt: Receipt, why: str) -> None:
        await self._move(
            post,
            State.PUBLISHED,
            why,
            expect,
            remote_id=receipt.remote_id,
            remote_url=receipt.url,
            published_at=self._clock(),
        )

    async def _move(self, post: Outgoing, to: State, why: str, expect: State = State.SENDING, **changes: Any) -> None:
        def write() -> None:
            with self._database.session() as session:
                posts.move(
                    session, post_id=post.id, expect=expect, to=to, who=WHO, why=why, now=self._clock(), **changes
                )

        await asyncio.to_thread(write)
        level = logging.INFO if to in {State.PUBLISHED, State.APPROVED} else logging.WARNING
        log.log(level, "Post %d is %s: %s", post.id, to, why, extra={"action": "publish", "post": post.id, "to": to})

    def _claim(self, name: str) -> ClearedPost | None:
        with self._database.session() as session:
            return posts.claim(session, platforms=[name], who=WHO, now=self._clock())

    def _recover(self) -> int:
        with self._database.session() as session:
            return len(posts.recover(session, who=WHO, now=self._clock()))

    def _uncertain(self) -> list[Outgoing]:
        with self._database.reading() as session:
            return posts.uncertain(session, platforms=list(self._platforms))

    def _remote_ids(self, platform: str) -> set[str]:
        with self._database.reading() as session:
            known = posts.find(session, states={State.PUBLISHED, State.WITHDRAWN}, platform=platform, limit=RECENT)
        return {post.remote_id for post in known if post.remote_id is not None}
