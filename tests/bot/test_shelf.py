"""The shelf: two marks, rest when nobody asks, nothing twice, a new policy, and a crowd of takers."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.compose import Ask, Composer, Outcome
from bot.rank import DefaultRanker
from bot.shelf import Shelf, shelved
from bot.worker import GeneratorWorker
from generation.errors import EngineUnavailable
from generation.generator import Generated, Generator, Request
from generation.sampling import Sampling
from moderation import words
from moderation.gate import Gate, default_gate
from moderation.policy import Policy
from moderation.words import Word
from storage import posts
from storage.db import Database
from storage.lifecycle import State
from tests.journeys.voice import Voice

THINGS = ("bread", "socks", "letters", "trains", "plants", "songs", "maps", "tea", "shoes", "birds")
LINES = [f"I hide {one} behind the {two} and say nothing." for one in THINGS for two in THINGS if one != two]
RUDE = "You can write to me at nobody.in.particular@example.com any time."
ASK = Ask("discord", "discord:1", channel="5")


@dataclass
class Clock:
    """A clock that is set by hand."""

    now: datetime = datetime(2026, 1, 5, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Room:
    """A composer and its shelf."""

    composer: Composer
    clock: Clock

    def shelf(self) -> Shelf:
        return Shelf(self.composer, low=4, high=12, clock=self.clock)

    async def ask(self, times: int = 1) -> list[Outcome]:
        return [await self.composer.compose(ASK) for _ in range(times)]

    def ready(self) -> int:
        with self.composer.database.reading() as session:
            return sum(stock.count for stock in posts.stock(session, now=self.clock.now))

    def texts(self, state: State) -> list[str]:
        with self.composer.database.reading() as session:
            return [post.text for post in posts.find(session, states=[state], limit=1000)]


@pytest.fixture(scope="module")
def gate() -> Gate:
    return default_gate()


@asynccontextmanager
async def room(database: Database, gate: Gate, voice: Generator | None = None) -> AsyncIterator[Room]:
    clock, seeds = Clock(), itertools.count(0, 7)
    spoken = voice or Voice(LINES)
    async with GeneratorWorker(lambda: spoken) as worker:
        composer = Composer(
            database=database,
            worker=worker,
            gate=gate,
            ranker=DefaultRanker(),
            draw_seed=lambda: next(seeds),
            sampling=Sampling(),
            candidates=1,
            clock=clock,
        )
        yield Room(composer, clock)


async def test_fills_to_the_low_mark_once_and_then_rests(database: Database, gate: Gate) -> None:
    async with room(database, gate) as here:
        shelf = here.shelf()
        assert await shelf.once() >= 4
        stock = here.ready()
        assert await shelf.once() == 0
        here.clock.now += timedelta(hours=80)  # all are too old, and nobody has asked
        assert here.ready() == 0
        assert await shelf.once() == 0
        assert stock >= 4


async def test_somebody_asks_and_the_stock_goes_up_to_the_high_mark(database: Database, gate: Gate) -> None:
    async with room(database, gate) as here:
        shelf = here.shelf()
        await shelf.once()
        outcomes = await here.ask(3)
        assert [outcome.from_shelf for outcome in outcomes] == [True] * 3
        while await shelf.once():
            pass
        assert here.ready() >= 12
        here.clock.now += timedelta(hours=25)
        await here.ask(10)
        await shelf.once()
        assert here.ready() >= 4  # asked again: awake again


async def test_an_empty_shelf_is_a_wish_too(database: Database, gate: Gate) -> None:
    async with room(database, gate) as here:
        shelf = here.shelf()
        shelf._primed.add("discord")  # as after a long time without anybody
        assert await shelf.once() == 0
        [outcome] = await here.ask()
        assert not outcome.from_shelf
        assert await shelf.once() > 0


async def test_nothing_goes_on_the_shelf_twice(database: Database, gate: Gate) -> None:
    """A voice with five lines fills the shelf with five posts, however often it is asked."""
    async with room(database, gate, Voice(LINES[:5])) as here:
        shelf = here.shelf()
        for _ in range(4):
            await shelf.once()
            here.clock.now += timedelta(seconds=1)
        texts = here.texts(State.SHELVED)
        assert len(texts) == len(set(texts)) <= 5
        await here.ask(len(texts))
        shelf._asked["discord"] = here.clock.now
        await shelf.once()
        assert here.texts(State.SHELVED) == []  # what was given away does not come back
        assert len(here.texts(State.EXPIRED)) > 0  # written again, on record, and not used


async def test_only_what_the_gate_allows_is_shelved(database: Database, gate: Gate) -> None:
    async with room(database, gate, Voice([RUDE])) as here:
        assert await here.shelf().once() == 0
        assert here.ready() == 0
        assert RUDE in here.texts(State.EXPIRED) + here.texts(State.BLOCKED)  # on record all the same


async def test_a_crowd_takes_a_shelf_apart_without_a_collision(database: Database, gate: Gate) -> None:
    async with room(database, gate) as here:
        shelf = Shelf(here.composer, low=50, high=60, clock=here.clock)
        while here.ready() < 50:
            await shelf.once()
        stock = here.ready()
        taken = await asyncio.gather(*(asyncio.to_thread(here.composer._take, [ASK]) for _ in range(stock + 20)))
        given = [outcome for [outcome] in taken if outcome is not None]
        assert len(given) == stock
        assert len({outcome.post_id for outcome in given}) == len({outcome.text for outcome in given}) == stock


async def test_a_new_policy_judges_the_shelf_again(database: Database) -> None:
    mild, strict = default_gate(), default_gate(Policy(always_review=True))
    async with room(database, mild) as here:
        await here.shelf().once()
        stock = here.ready()
        here.composer.gate = strict
        assert here.composer._take([ASK]) == [None]  # nothing that the old policy judged is given away
        shelf = here.shelf()
        shelf._primed.add("discord")
        await shelf.once()
        assert here.ready() == 0
        assert len(here.texts(State.HELD)) == stock
        here.composer.gate = mild
    mild.close()
    strict.close()


async def test_a_policy_that_changes_nothing_keeps_the_shelf(database: Database, gate: Gate) -> None:
    other = default_gate(Policy(name="the same under another name"))
    async with room(database, gate) as here:
        await here.shelf().once()
        stock = here.ready()
        here.composer.gate = other
        shelf = here.shelf()
        await shelf.once()
        assert here.composer._take([ASK]) != [None]
        with database.reading() as session:
            [row] = shelved(session, policy=other.policy.hash, now=here.clock.now, since=here.clock.now)
        assert (row.ready, row.outdated, row.taken) == (stock - 1, 0, 1)
        here.composer.gate = gate
    other.close()


async def test_a_new_word_judges_the_shelf_again(database: Database, tmp_path: Path) -> None:
    path, now = tmp_path / "words.toml", datetime(2026, 1, 5, tzinfo=UTC)
    gate = default_gate(wordlist_file=path)
    async with room(database, gate, Voice([LINES[0], *(line for line in LINES if "bread" not in line)])) as here:
        await here.shelf().once()
        assert any("bread" in text for text in here.texts(State.SHELVED))
        words.add(path, Word("bread", "block"), who="ann", now=now)
        gate.refresh()
        assert here.composer._take([ASK]) == [None]  # nothing that the old list judged is given away
        shelf = here.shelf()
        shelf._primed.add("discord")
        await shelf.once()
        assert not any("bread" in text for text in here.texts(State.SHELVED))
        assert any("bread" in text for text in here.texts(State.BLOCKED))
        assert here.composer._take([ASK]) != [None]
    gate.close()


async def test_a_server_with_words_of_its_own_gets_only_what_they_allow(database: Database, tmp_path: Path) -> None:
    path, now = tmp_path / "words.toml", datetime(2026, 1, 5, tzinfo=UTC)
    gate = default_gate(wordlist_file=path)
    async with room(database, gate) as here:
        await here.shelf().once()
        stock = here.ready()
        oldest = here.texts(State.SHELVED)[-1]
        words.add(path, Word(oldest[2:-1], "hold", servers=("7",)), who="ann", now=now)
        gate.refresh()
        assert here.ready() == stock  # nobody else is made to wait
        [theirs], [others] = (here.composer._take([replace(ASK, server=server)]) for server in ("7", "8"))
        assert theirs is not None and others is not None
        assert theirs.text != oldest == others.text
    gate.close()


async def test_what_one_place_alone_allows_is_not_shelved(database: Database, tmp_path: Path) -> None:
    path, now = tmp_path / "words.toml", datetime(2026, 1, 5, tzinfo=UTC)
    words.add(path, Word("bread", "hold"), who="ann", now=now)
    words.add(path, Word("bread", "allow", servers=("7",)), who="ann", now=now)
    gate = default_gate(wordlist_file=path)
    lines = [f"I hide bread behind the {thing} and say nothing." for thing in THINGS[1:]]
    async with room(database, gate, Voice(lines)) as here:
        here.composer._candidates = 4
        for ask in (replace(ASK, server="7"), replace(ASK, nsfw=True)):
            outcome = await here.composer.compose(ask)
            assert outcome.state is (State.APPROVED if ask.server else State.HELD)
        assert here.ready() == 0
    gate.close()


async def test_the_hit_rate_is_read_from_the_record(database: Database, gate: Gate) -> None:
    async with room(database, gate) as here:
        await here.ask(1)  # nothing is ready yet
        await here.shelf().once()
        await here.ask(3)
        await here.composer.write(Ask("discord", "terminal:anne"), 2)  # nobody's wish
        with database.reading() as session:
            [row] = shelved(
                session, policy=gate.policy.hash, now=here.clock.now, since=here.clock.now - timedelta(days=1)
            )
        assert (row.taken, row.written, row.hit_rate) == (3, 1, 0.75)
        assert row.to_json(here.clock.now)["oldest_seconds"] == 0


async def test_an_engine_that_fails_is_logged_and_the_service_goes_on(
    database: Database, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    class Mute(Voice):
        def generate(self, request: Request, cancelled: threading.Event | None = None) -> list[Generated]:
            raise EngineUnavailable("the model is gone")

    async with room(database, gate, Mute(LINES)) as here:
        shelf = here.shelf()
        running = asyncio.create_task(shelf.run())
        while "the model is gone" not in caplog.text:
            await asyncio.sleep(0.01)
        assert not running.done()
        shelf.stop()
        await asyncio.wait_for(running, 5)
