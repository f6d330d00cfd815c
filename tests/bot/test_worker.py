"""The ear is never blocked: time-outs, replacement, cancellation, shares and turns, with engines that misbehave."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.worker import GeneratorWorker, next_in_turn
from generation.adapter import Adapter
from generation.engines import open_generator
from generation.errors import (
    EngineUnavailable,
    GenerationCancelled,
    GenerationTimeout,
    GeneratorBusy,
)
from generation.generator import Generated, Generator, Identity, Request
from generation.sampling import Sampling


class Slow:
    """An engine that writes when it is let, notices cancellation or not, and counts."""

    identity = Identity("slow", "h", "nib", "b", "slow", "1", reproducible=True)

    def __init__(self, *, deaf: bool = False) -> None:
        self.deaf = deaf
        self.go = threading.Event()
        self.begun = threading.Event()
        self.order: list[int] = []
        self.running = 0
        self.most = 0
        self.closed = False

    def generate(self, request: Request, cancelled: threading.Event | None = None) -> list[Generated]:
        self.running += 1
        self.most = max(self.most, self.running)
        self.begun.set()
        self.order.append(request.seed)
        try:
            while not self.go.wait(0.005):
                if cancelled is not None and cancelled.is_set() and not self.deaf:
                    raise GenerationCancelled("told to stop")
            return [Generated("text", seed, 1, True, -1.0) for seed in request.seeds]
        finally:
            self.running -= 1

    def close(self) -> None:
        self.closed = True


@asynccontextmanager
async def working(open_generator: Callable[[], Generator], **options: Any) -> AsyncIterator[GeneratorWorker]:
    async with GeneratorWorker(open_generator, **{"grace": 0.1} | options) as worker:
        yield worker


async def begun(engine: Slow) -> None:
    assert await asyncio.to_thread(engine.begun.wait, 5)
    engine.begun.clear()


async def test_texts_come_back_and_the_engine_is_closed() -> None:
    engine = Slow()
    engine.go.set()
    async with working(lambda: engine) as worker:
        assert worker.identity.adapter == "slow"
        texts = await worker.generate(Request(count=3, seed=5), who="anne")
        assert [text.seed for text in texts] == [5, 6, 7]
    assert engine.closed


async def test_a_real_engine_in_the_worker_says_what_it_says_alone(adapter: Adapter) -> None:
    request = Request(count=2, seed=3, sampling=Sampling(max_tokens=8))
    alone = open_generator(adapter, threads=1)
    async with working(lambda: open_generator(adapter, threads=1)) as worker:
        assert await worker.generate(request, who="anne") == alone.generate(request)
    alone.close()


async def test_an_engine_that_cannot_open_is_a_sentence_at_once() -> None:
    def fails() -> Generator:
        raise EngineUnavailable("no model here")

    with pytest.raises(EngineUnavailable, match="no model here"):
        async with working(fails):
            pass


async def test_one_request_runs_at_a_time_in_order_of_arrival() -> None:
    engine = Slow()
    async with working(lambda: engine) as worker:
        wishes = [Request(seed=seed, prompt=f"I am {seed}") for seed in range(4)]
        tasks = [asyncio.create_task(worker.generate(wish, who=f"person {wish.seed}")) for wish in wishes]
        await begun(engine)
        engine.go.set()
        await asyncio.gather(*tasks)
    assert engine.order == [0, 1, 2, 3]
    assert engine.most == 1


async def test_who_waits_for_the_same_is_served_by_one_call_with_what_they_would_get_alone(adapter: Adapter) -> None:
    """A real engine; somebody with another wish in between waits for their own turn."""
    alone, short = open_generator(adapter, threads=1), Sampling(max_tokens=12)
    calls: list[list[int]] = []

    class Counts:
        identity, close = alone.identity, alone.close

        def generate(self, request: Request, cancelled: threading.Event | None = None) -> list[Generated]:
            calls.append(request.seeds)
            return alone.generate(request, cancelled)

    wishes = [Request(count=2, seed=seed, sampling=short) for seed in (5, 70, 900)]
    other = Request(count=1, seed=40, prompt="I once", sampling=short)
    expected = [alone.generate(wish) for wish in (*wishes, other)]
    async with working(Counts) as worker:
        asked = [wishes[0], other, *wishes[1:]]
        tasks = [asyncio.create_task(worker.generate(wish, who=f"p{wish.seed}")) for wish in asked]
        first, another, second, third = await asyncio.gather(*tasks)
    assert [first, second, third, another] == expected
    assert calls == [[5, 6, 70, 71, 900, 901], [40]]


async def test_one_of_several_who_goes_away_takes_nobody_along() -> None:
    engine = Slow()
    async with working(lambda: engine) as worker:
        tasks = [asyncio.create_task(worker.generate(Request(seed=seed), who=f"p{seed}")) for seed in range(3)]
        await begun(engine)
        tasks[0].cancel()
        tasks[2].cancel()
        engine.go.set()
        assert (await tasks[1])[0].seed == 1
        assert engine.order == [0]  # one call for the three of them
    engine = Slow()
    async with working(lambda: engine) as worker:
        tasks = [asyncio.create_task(worker.generate(Request(seed=seed), who=f"p{seed}")) for seed in range(3)]
        await begun(engine)
        for task in tasks:
            task.cancel()
        while engine.running:  # it is told to stop when the last one has gone
            await asyncio.sleep(0.001)
        assert worker.replaced == 0


async def test_a_time_out_answers_all_whom_the_call_was_to_serve() -> None:
    engine = Slow()
    async with working(lambda: engine, timeout=0.2, grace=5.0) as worker:
        tasks = [worker.generate(Request(seed=seed), who=f"p{seed}") for seed in range(3)]
        answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [GenerationTimeout] * 3
    assert engine.order == [0]


class Waits:
    """Somebody in the queue."""

    def __init__(self, request: Request) -> None:
        self.request = request


@given(st.lists(st.tuples(st.sampled_from(["", "I am", "We"]), st.integers(1, 150)), min_size=1, max_size=40))
def test_whose_turn_it_is(wishes: list[tuple[str, int]]) -> None:
    """The first in the queue, always; with others only for the same wish and while there is room; none is lost."""
    jobs: list[Any] = [Waits(Request(count=count, prompt=prompt)) for prompt, count in wishes]
    waiting = deque(jobs)
    served: list[Any] = []
    while waiting:
        first, before = waiting[0], list(waiting)
        together = next_in_turn(waiting, 128)
        assert together[0] is first
        assert {job.request.prompt for job in together} == {first.request.prompt}
        assert len(together) == 1 or sum(job.request.count for job in together) <= 128
        assert [job for job in before if job in together] == together  # in their order
        assert [job for job in before if job not in together] == list(waiting)
        served += together
    assert len(served) == len(jobs)


async def test_the_heartbeat_goes_on_while_an_engine_is_stuck() -> None:
    """The engine neither writes nor listens; the loop ticks on, the person is answered, another engine takes over."""
    engines: list[Slow] = []

    def reopen() -> Generator:
        engine = Slow(deaf=True)
        if engines:  # the second one works
            engine.go.set()
        engines.append(engine)
        return engine

    longest = 0.0

    async def heartbeat() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - before)

    async with working(reopen, timeout=0.3) as worker:
        heart = asyncio.create_task(heartbeat())
        with pytest.raises(GenerationTimeout, match=r"within 0\.3 seconds"):
            await worker.generate(Request(), who="anne")
        texts = await worker.generate(Request(seed=9), who="bert")
        heart.cancel()
    assert texts[0].seed == 9
    assert worker.replaced == 1
    assert len(engines) == 2
    assert longest < 0.25
    engines[0].go.set()  # let the thread that was left behind end


async def test_an_engine_that_stops_when_told_is_kept() -> None:
    engine = Slow()
    async with working(lambda: engine, timeout=0.2, grace=5.0) as worker:
        with pytest.raises(GenerationTimeout):
            await worker.generate(Request(), who="anne")
        engine.go.set()
        await worker.generate(Request(), who="anne")
        assert worker.replaced == 0


async def test_when_the_engine_cannot_be_opened_again_people_hear_why_and_it_is_tried_again() -> None:
    stuck, sound = Slow(deaf=True), Slow()
    sound.go.set()
    gone = EngineUnavailable("the disk is gone")
    openings: list[Slow | Exception] = [stuck, gone, gone, sound]
    waiting = iter(openings)

    def reopen() -> Generator:
        opened = next(waiting)
        if isinstance(opened, Exception):
            raise opened
        return opened

    async with working(reopen, timeout=0.1) as worker:
        with pytest.raises(GenerationTimeout):
            await worker.generate(Request(), who="anne")
        with pytest.raises(EngineUnavailable, match="disk is gone"):
            await worker.generate(Request(), who="anne")
        assert len(await worker.generate(Request(), who="anne")) == 1
    stuck.go.set()


async def test_somebody_who_goes_away_stops_the_writing() -> None:
    engine = Slow()
    async with working(lambda: engine) as worker:
        task = asyncio.create_task(worker.generate(Request(seed=1), who="anne"))
        await begun(engine)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        engine.go.set()
        await worker.generate(Request(seed=2), who="anne")  # the share is free again, and so is the engine
        assert worker.replaced == 0


async def test_somebody_who_goes_away_while_waiting_is_never_served() -> None:
    engine = Slow()
    async with working(lambda: engine) as worker:
        first = asyncio.create_task(worker.generate(Request(seed=1), who="anne"))
        await begun(engine)
        second = asyncio.create_task(worker.generate(Request(seed=2), who="bert"))
        await asyncio.sleep(0)
        second.cancel()
        engine.go.set()
        await first
        await worker.generate(Request(seed=3), who="carl")
    assert engine.order == [1, 3]


async def test_a_full_queue_and_a_greedy_person_are_turned_away_politely() -> None:
    engine = Slow()
    async with working(lambda: engine, queue=3, per_user=2) as worker:
        tasks = [asyncio.create_task(worker.generate(Request(seed=1), who="anne"))]
        await begun(engine)
        tasks.append(asyncio.create_task(worker.generate(Request(seed=2), who="anne")))
        await asyncio.sleep(0)
        with pytest.raises(GeneratorBusy, match="2 wishes waiting already"):
            await worker.generate(Request(seed=3), who="anne")
        tasks += [asyncio.create_task(worker.generate(Request(seed=seed), who=f"p{seed}")) for seed in (4, 5)]
        await asyncio.sleep(0)
        with pytest.raises(GeneratorBusy, match="3 people are waiting"):
            await worker.generate(Request(seed=6), who="zoe")
        engine.go.set()
        assert len(await asyncio.gather(*tasks)) == 4


async def test_restocking_waits_for_people_and_gives_way_to_them() -> None:
    engine = Slow()
    async with working(lambda: engine) as worker:
        restock = asyncio.create_task(worker.generate(Request(seed=1, count=64), who="shelf", restock=True))
        await begun(engine)
        person = asyncio.create_task(worker.generate(Request(seed=2), who="anne"))
        with pytest.raises(GeneratorBusy, match="made way"):
            await restock
        await begun(engine)
        with pytest.raises(GeneratorBusy, match="People come first"):
            await worker.generate(Request(seed=3), who="shelf", restock=True)
        engine.go.set()
        assert (await person)[0].seed == 2
        assert len(await worker.generate(Request(seed=4, count=8), who="shelf", restock=True)) == 8


async def test_errors_of_the_engine_reach_the_asker_and_the_worker_goes_on() -> None:
    class Breaks(Slow):
        def generate(self, request: Request, cancelled: threading.Event | None = None) -> list[Generated]:
            if request.seed == 0:
                raise ZeroDivisionError("a fault of the engine")
            return super().generate(request, cancelled)

    engine = Breaks()
    engine.go.set()
    async with working(lambda: engine) as worker:
        with pytest.raises(ZeroDivisionError):
            await worker.generate(Request(seed=0), who="anne")
        assert len(await worker.generate(Request(seed=1), who="anne")) == 1


async def test_closing_answers_everybody() -> None:
    engine = Slow()
    async with working(lambda: engine) as worker:
        tasks = [asyncio.create_task(worker.generate(Request(seed=seed), who=f"p{seed}")) for seed in range(3)]
        await begun(engine)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [GenerationCancelled] * 3
    assert engine.closed
