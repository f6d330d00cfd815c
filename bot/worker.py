"""The async front of a blocking generator: one thread, a bounded queue, people before restocking.

The event loop never waits for the model. A request that takes too long is answered with
:class:`~generation.errors.GenerationTimeout`; when the engine does not even stop when told to, its thread is left
behind and a new one takes over with a freshly opened engine.

A batch of eighty texts takes about four times as long as one of four. So whoever waits for the same as the next one in
turn (nothing in particular, mostly: the shelf has run out) is served in the same call of the engine; each text has a
seed of its own and does not depend on its neighbours. Other prompts wait their turn: CTranslate2 reads prompts of
different lengths together only by counting some of their words as drawn, and would write other texts than alone.
"""

import asyncio
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Self, TypeVar

from generation.errors import GenerationCancelled, GenerationError, GenerationTimeout, GeneratorBusy
from generation.generator import Generated, Generator, Identity, Request

log = logging.getLogger(__name__)

T = TypeVar("T")


class Lane:
    """One daemon thread that runs calls one after the other.

    Not a ``ThreadPoolExecutor``: at exit that one waits for its threads, and a stuck engine would never let go.
    """

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="generator", daemon=True).start()

    def call(self, function: Callable[[], T]) -> "asyncio.Future[T]":
        """Run ``function`` in the thread; its result or error comes back to the running event loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def tell(set_outcome: Callable[[Any], None], outcome: Any) -> None:
            with suppress(RuntimeError):  # the loop closed while the call was under way: nobody is there to be told
                loop.call_soon_threadsafe(lambda: None if future.done() else set_outcome(outcome))

        def run() -> None:
            try:
                result = function()
            except Exception as error:  # noqa: BLE001  (handed on to whoever awaits)
                tell(future.set_exception, error)
            else:
                tell(future.set_result, result)

        self._calls.put(run)
        return future

    def close(self) -> None:
        """Let the thread end after its present call."""
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


class _Job:
    """One request on its way."""

    def __init__(self, request: Request, who: str, restock: bool) -> None:
        self.request = request
        self.who = who
        self.restock = restock
        self.cancelled = threading.Event()
        self.answer: asyncio.Future[list[Generated]] = asyncio.get_running_loop().create_future()

    def fail(self, error: Exception) -> None:
        """Answer with an error, unless there is an answer already."""
        if not self.answer.done():
            self.answer.set_exception(error)


class _Nobody(threading.Event):
    """Set when nobody waits any more for a call that serves several."""

    def __init__(self, jobs: Sequence[_Job]) -> None:
        super().__init__()
        self._jobs = jobs

    def is_set(self) -> bool:
        return all(job.cancelled.is_set() for job in self._jobs)


class GeneratorWorker:
    """Runs one call at a time on a generator of its own. Use as an async context manager."""

    def __init__(
        self,
        open_generator: Callable[[], Generator],
        *,
        timeout: float = 60.0,
        queue: int = 64,
        per_user: int = 2,
        together: int = 128,
        grace: float = 2.0,
    ) -> None:
        """Nothing is opened yet.

        Args:
            open_generator: opens the engine; called in the worker's thread, again after each replacement.
            timeout: seconds that one call may run.
            queue: requests that may wait; past that, :class:`GeneratorBusy`.
            per_user: how many of them, running one included, may be one person's.
            together: texts at most that one call writes for several people.
            grace: seconds that an engine has to stop when told to, before it is replaced.
        """
        self._open = open_generator
        self._timeout = timeout
        self._room = queue
        self._per_user = per_user
        self._together = together
        self._grace = grace
        self._lane = Lane()
        self._generator: Generator | None = None
        self._identity: Identity | None = None
        self._people: deque[_Job] = deque()
        self._stock: deque[_Job] = deque()
        self._running: list[_Job] = []  # one, or several with the same wish
        self._work = asyncio.Event()
        self._server: asyncio.Task[None] | None = None
        self.replaced = 0  # engines given up so far

    async def __aenter__(self) -> Self:
        """Open the engine.

        Raises:
            EngineUnavailable, AdapterError: it cannot be opened.
        """
        await self._reopen()
        self._server = asyncio.create_task(self._serve(), name="generator-worker")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Tell the call under way to stop, refuse those waiting, close the engine."""
        waiting = [*self._running, *self._people, *self._stock]
        if self._server is not None:
            self._server.cancel()
            with suppress(asyncio.CancelledError):
                await self._server
        for job in waiting:
            job.cancelled.set()
            job.fail(GenerationCancelled("The bot is shutting down."))
        if self._generator is not None:
            await asyncio.wait({self._lane.call(self._generator.close)}, timeout=self._grace)
        self._lane.close()

    @property
    def identity(self) -> Identity:
        """Who speaks."""
        if self._identity is None:
            raise RuntimeError("the worker is not open: use it in an `async with`")
        return self._identity

    @property
    def busy(self) -> bool:
        """Somebody waits or is being served; restocking would be in the way."""
        return bool(self._people) or any(not job.restock for job in self._running)

    async def generate(self, request: Request, *, who: str, restock: bool = False) -> list[Generated]:
        """The texts asked for.

        Args:
            request: what to write.
            who: whose request; each person has a share of the queue.
            restock: for the shelf: waits until nobody else does, and gives way when somebody comes.

        Raises:
            GeneratorBusy: too many wait, or too many of this person's; for restocking, somebody came.
            GenerationTimeout: no text in time.
            GenerationCancelled: the bot is shutting down.
            EngineUnavailable: the engine is gone and could not be opened again.
        """
        if restock:
            if self.busy:
                raise GeneratorBusy("People come first; the shelf waits.")
        else:
            self._admit(who)
        job = _Job(request, who, restock)
        (self._stock if restock else self._people).append(job)
        for running in self._running:
            if running.restock and not restock:
                running.fail(GeneratorBusy("The shelf made way for a person."))
                running.cancelled.set()
        self._work.set()
        try:
            return await job.answer
        finally:  # also when the person went away
            job.cancelled.set()
            for waiting in (self._people, self._stock):
                with suppress(ValueError):
                    waiting.remove(job)

    def _admit(self, who: str) -> None:
        if len(self._people) >= self._room:
            message = f"{len(self._people)} people are waiting already; please try again in a minute."
            raise GeneratorBusy(message)
        mine = sum(job.who == who for job in (*self._people, *self._running))
        if mine >= self._per_user:
            message = f"You have {mine} {'wish' if mine == 1 else 'wishes'} waiting already; please let me finish."
            raise GeneratorBusy(message)

    async def _serve(self) -> None:
        while True:
            await self._work.wait()
            waiting = self._people or self._stock
            if not waiting:
                self._work.clear()
                continue
            self._running = next_in_turn(waiting, self._together)
            try:
                await self._run(self._running)
            finally:
                self._running = []

    async def _run(self, jobs: Sequence[_Job]) -> None:
        try:
            generator = self._generator or await self._reopen()
        except (GenerationError, OSError) as error:
            _fail(jobs, error)
            return
        seeds = [seed for job in jobs for seed in job.request.seeds]
        request = replace(jobs[0].request, more=tuple(seeds[jobs[0].request.count :]))
        call = self._lane.call(lambda: generator.generate(request, _Nobody(jobs)))
        # Looked at in any case: after a time-out or at the end nobody waits for it any more.
        call.add_done_callback(lambda late: None if late.cancelled() else late.exception())
        done, _ = await asyncio.wait({call}, timeout=self._timeout)
        if not done:
            for job in jobs:
                job.cancelled.set()
            _fail(jobs, GenerationTimeout(f"No text came within {self._timeout:g} seconds."))
            done, _ = await asyncio.wait({call}, timeout=self._grace)
        if not done:
            await self._replace()
            return
        try:
            texts = call.result()
        except Exception as error:  # noqa: BLE001  (handed on to whoever asked)
            _fail(jobs, error)
        else:
            for job in jobs:
                many = len(job.request.seeds)
                mine, texts = texts[:many], texts[many:]
                if not job.answer.done():
                    job.answer.set_result(mine)

    async def _replace(self) -> None:
        """Leave the stuck thread behind, with its engine, and open another."""
        self.replaced += 1
        log.error(
            "The generator did not answer and did not stop; it is replaced (%d so far).",
            self.replaced,
            extra={"action": "generator-replaced", "replaced": self.replaced},
        )
        self._lane.close()
        self._lane = Lane()
        self._generator = None
        try:
            await self._reopen()
        except (GenerationError, OSError) as error:  # tried again with the next request
            log.error("The generator cannot be opened again: %s", error, extra={"action": "generator-unavailable"})

    async def _reopen(self) -> Generator:
        self._generator = await self._lane.call(self._open)
        self._identity = self._generator.identity
        return self._generator


def next_in_turn(waiting: deque[_Job], together: int) -> list[_Job]:
    """Whose turn it is, and who waits for the same, up to so many texts together; they leave the queue."""
    jobs = [waiting.popleft()]
    room = together - len(jobs[0].request.seeds)
    for job in list(waiting):
        many = len(job.request.seeds)
        if many <= room and job.request.same_wish(jobs[0].request):
            waiting.remove(job)
            jobs.append(job)
            room -= many
    return jobs


def _fail(jobs: Sequence[_Job], error: Exception) -> None:
    for job in jobs:
        job.fail(error)
