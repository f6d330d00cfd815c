"""One asyncio process that runs everything: ears, clock, shelf, mouths.

Each part is a service: it runs until told to stop, and then finishes what it has in hand. A service that lost the
database begins anew after a pause. When one fails in any other way the others are stopped, and the failure is the
runner's.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Protocol

from storage import posts
from storage.db import Database
from storage.errors import DatabaseError
from storage.lifecycle import State
from storage.single import only_runner

log = logging.getLogger(__name__)

PATIENCE = 30.0  # seconds that all services together have to finish what they have in hand
PAUSE = 5.0  # seconds before a service that lost the database begins anew


class Service(Protocol):
    """A part of the bot that runs for as long as the bot does."""

    async def run(self) -> None:
        """Work until :meth:`stop`; coming back earlier without an error means: nothing left to do.

        May be called again after a ``DatabaseError``.
        """
        ...

    def stop(self) -> None:
        """Begin nothing new; :meth:`run` comes back when what is in hand is done. Safe to call twice."""
        ...


class Upkeep:
    """Lets posts go that nobody wanted in time, says how things stand, and does small ``chores`` at the same beat."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        every: float = 60.0,
        chores: Sequence[Callable[[], object]] = (),
    ) -> None:
        self._database = database
        self._clock = clock
        self._chores = chores
        self._every = every
        self._held = 0
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Expire old posts at a slow beat."""
        while not self._stopped.is_set():
            await self.once()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), self._every)

    async def once(self) -> int:
        """Expire old posts; how many."""
        for chore in self._chores:
            await asyncio.to_thread(chore)
        gone, held = await asyncio.to_thread(self._expire)
        if gone:
            log.info("Too old, and expired: %s.", _posts(gone), extra={"action": "expire", "posts": gone})
        if held != self._held:
            log.info("Waiting for a person: %s.", _posts(held), extra={"action": "held", "posts": held})
        self._held = held
        return gone

    def stop(self) -> None:
        """No further round."""
        self._stopped.set()

    def _expire(self) -> tuple[int, int]:
        with self._database.session() as session:
            gone = posts.expire(session, now=self._clock())
            held = posts.counts(session)[State.HELD]
        return len(gone), held


class Runner:
    """Runs services side by side until a signal, or until one of them fails.

    They are stopped in the order given: first what makes posts, then what sends them, last what connects.
    """

    def __init__(
        self, database: Database, services: Sequence[Service], *, patience: float = PATIENCE, pause: float = PAUSE
    ) -> None:
        """``patience`` and ``pause`` in seconds: how long stopping may take, how long to wait for a lost database."""
        self._database = database
        self._services = list(services)
        self._patience = patience
        self._pause = pause
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Run until SIGINT, SIGTERM or :meth:`stop`; a second signal does not wait for what is in hand.

        Raises:
            AlreadyRunning: another runner works on this database.
            Exception: whatever the first failing service raised.
        """
        with only_runner(self._database, "confess run"), _signals(self._heard):
            await self._run()

    def stop(self) -> None:
        """Tell every service to finish."""
        self._stop.set()

    def _heard(self) -> None:
        if self._stop.is_set():
            log.warning("Stopping at once.", extra={"action": "stop"})
            for task in self._tasks:
                task.cancel()
        else:
            log.info("Stopping: finishing what is in hand. Again to stop at once.", extra={"action": "stop"})
            self.stop()

    async def _run(self) -> None:
        self._tasks = [asyncio.create_task(self._outlast(each), name=type(each).__name__) for each in self._services]
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        log.info("Running. Ctrl-C stops.", extra={"action": "start"})
        try:
            waiting = set(self._tasks)
            while waiting and not self._stop.is_set():
                done, _ = await asyncio.wait({*waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
                waiting -= done
                if any(_failure(task) for task in done):
                    break
        finally:
            stopping.cancel()
            await self._finish()
        for task in self._tasks:
            failure = _failure(task)
            if failure is not None:
                raise failure
        log.info("Stopped.", extra={"action": "stopped"})

    async def _outlast(self, service: Service) -> None:
        """Run a service; when the database goes away, again."""
        while True:
            try:
                return await service.run()
            except* DatabaseError as lost:
                error = _first(lost)
                if self._stop.is_set():
                    raise error from None
                log.error("%s waits: %s", type(service).__name__, error, extra={"action": "database"})
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), self._pause)

    async def _finish(self) -> None:
        """Stop one service after the other, so that a send in flight still has its connection."""
        deadline = asyncio.get_running_loop().time() + self._patience
        for service, task in zip(self._services, self._tasks, strict=True):
            service.stop()
            left = deadline - asyncio.get_running_loop().time()
            await asyncio.wait({task}, timeout=max(left, 0.0))
            if not task.done():
                log.warning("%s did not finish in time.", task.get_name(), extra={"action": "stop"})
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _posts(count: int) -> str:
    return "1 post" if count == 1 else f"{count:,} posts"


def _failure(task: asyncio.Task[Any]) -> BaseException | None:
    """What a task raised; the first of a group; None while it runs, when it ended well, when it was cancelled."""
    if not task.done() or task.cancelled():
        return None
    error = task.exception()
    return None if error is None else _first(error)


def _first(error: BaseException) -> BaseException:
    """The first single error of a group; an error that is none, itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@contextmanager
def _signals(heard: Callable[[], None]) -> Iterator[None]:
    """Call ``heard`` at SIGINT and SIGTERM, where the loop can (not on Windows; there Ctrl-C just interrupts)."""
    loop = asyncio.get_running_loop()
    caught = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError, ValueError, RuntimeError):  # Windows; a loop that is not the main thread's
            loop.add_signal_handler(number, heard)
            caught.append(number)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)
