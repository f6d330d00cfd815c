"""From a wish to a row, with a real gate and a real record; only the voice is the tests' own."""

import itertools
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from bot.compose import WAIT, Ask, Composer
from bot.rank import DefaultRanker
from bot.worker import GeneratorWorker
from generation.generator import Generated, Request
from generation.sampling import Sampling
from moderation.filters.personal import PersonalFilter
from moderation.filters.shape import ShapeFilter
from moderation.gate import Gate
from moderation.policy import Policy
from moderation.verdict import Decision
from storage import posts
from storage.db import Database
from storage.errors import SlotTaken
from storage.lifecycle import State
from storage.models import Post
from tests.journeys.voice import Voice

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
FINE = "I have been feeding next door's cat and now it thinks it lives here."
OTHER = "My neighbour waves at me every morning and I have never once known who he is."
HELD = "Write to me about it at 10 Acacia Avenue, London."
BLOCKED = "Ring me on +44 20 7946 0958 whenever you like, love."

Opened = Callable[..., AbstractAsyncContextManager[Composer]]


@pytest.fixture
def composing(sqlite_db: Database) -> Opened:
    """Opens a composer that says these lines."""

    @asynccontextmanager
    async def opened(
        lines: Sequence[str],
        *,
        policy: Policy | None = None,
        voice: Voice | None = None,
        topic_candidates: int = 0,
    ) -> AsyncIterator[Composer]:
        policy = policy or Policy.default()
        gate = Gate([ShapeFilter(policy.shape), PersonalFilter()], policy)
        seeds = itertools.count(0, len(lines))
        async with GeneratorWorker(lambda: voice or Voice(lines)) as worker:
            yield Composer(
                database=sqlite_db,
                worker=worker,
                gate=gate,
                ranker=DefaultRanker(),
                draw_seed=lambda: next(seeds),
                sampling=Sampling(),
                candidates=len(lines),
                topic_candidates=topic_candidates or len(lines),
                clock=lambda: NOW,
            )

    return opened


def record(database: Database) -> dict[str, Post]:
    """Every post by its text."""
    with database.reading() as session:
        return {post.text: post for post in posts.find(session)}


async def test_the_best_allowed_text_is_approved_and_the_others_are_on_record(
    composing: Opened, sqlite_db: Database
) -> None:
    async with composing([FINE, BLOCKED, OTHER, HELD]) as composer:
        outcome = await composer.compose(Ask("discord", "discord:1", channel="7"))
    rows = record(sqlite_db)
    assert outcome.state is State.APPROVED
    assert outcome.text in {FINE, OTHER}
    spare = rows[FINE if outcome.text == OTHER else OTHER]
    assert {text: post.state for text, post in rows.items()} == {
        outcome.text: State.APPROVED,
        spare.text: State.SHELVED,
        BLOCKED: State.BLOCKED,
        HELD: State.EXPIRED,  # nobody needs to decide on it: a better one is out
    }
    assert rows[outcome.text].expires_at == NOW + WAIT
    assert rows[outcome.text].channel == "7"
    assert [finding["category"] for finding in rows[BLOCKED].verdict["findings"]] == ["phone"]


async def test_without_an_allowed_text_the_held_one_waits_for_a_person(composing: Opened, sqlite_db: Database) -> None:
    async with composing([BLOCKED, HELD]) as composer:
        outcome = await composer.compose(Ask("discord", "discord:1"))
    assert (outcome.state, outcome.text) == (State.HELD, HELD)
    assert outcome.verdict.decision is Decision.HOLD
    assert record(sqlite_db)[HELD].expires_at == NOW + timedelta(days=14)
    assert record(sqlite_db)[BLOCKED].state is State.BLOCKED


async def test_with_a_topic_more_are_written_and_one_that_names_it_wins(composing: Opened, sqlite_db: Database) -> None:
    async with composing([FINE, OTHER], topic_candidates=6) as composer:
        for topic, text in (("cats", FINE), ("neighbours", OTHER)):
            assert (await composer.compose(Ask("discord", "discord:1", topic=topic))).text == text
        assert (await composer.compose(Ask("discord", "discord:1", topic="volcanoes"))).text in {FINE, OTHER}
    with sqlite_db.reading() as session:
        assert len(list(posts.find(session, limit=100))) == 18


async def test_x_is_held_although_the_gate_finds_nothing(composing: Opened) -> None:
    async with composing([FINE]) as composer:
        outcome = await composer.compose(Ask("x", "schedule:daily", slot="daily@2026-01-05T09:00Z"))
    assert outcome.state is State.HELD


async def test_a_wish_the_gate_does_not_allow_writes_nothing(composing: Opened, sqlite_db: Database) -> None:
    async with composing([FINE]) as composer:
        outcome = await composer.compose(Ask("discord", "discord:1", prompt="Call me on +44 20 7946 0958 and"))
    assert outcome.state is None
    assert outcome.verdict.decision is Decision.BLOCK
    assert record(sqlite_db) == {}


async def test_a_free_wish_takes_from_the_shelf_and_a_prompt_does_not(composing: Opened, sqlite_db: Database) -> None:
    async with composing([FINE]) as composer:
        shelved = await composer.stock(Ask("discord", "shelf"), 1)
        prompted = await composer.compose(Ask("discord", "discord:1", prompt="Well,"))
        taken = await composer.compose(Ask("discord", "discord:2", channel="9"))
    assert [each.state for each in shelved] == [State.SHELVED]
    assert not prompted.from_shelf
    assert taken.from_shelf
    assert taken.post_id == shelved[0].post_id
    row = record(sqlite_db)[FINE]
    assert (row.state, row.channel, row.requester) == (State.APPROVED, "9", "discord:2")


async def test_stock_shelves_what_is_allowed_and_new_and_bothers_nobody_with_the_rest(
    composing: Opened, sqlite_db: Database
) -> None:
    async with composing([FINE, HELD, BLOCKED, FINE]) as composer:
        outcomes = await composer.stock(Ask("discord", "shelf"), 4)
    assert [each.state for each in outcomes] == [State.SHELVED, State.EXPIRED, State.BLOCKED, State.EXPIRED]


async def test_texts_written_one_by_one_keep_the_state_their_verdict_gives_them(composing: Opened) -> None:
    async with composing([FINE, HELD, BLOCKED]) as composer:
        outcomes = await composer.write(Ask("console", "terminal:me", seed=0), 3, allowed=State.SHELVED)
    assert [each.state for each in outcomes] == [State.SHELVED, State.HELD, State.BLOCKED]


async def test_a_channel_with_rules_of_its_own_gets_nothing_from_the_shelf(composing: Opened) -> None:
    rules = {"platforms": {"discord": {"channels": {"9": {"always_review": True}}}}}
    async with composing([FINE], policy=Policy.model_validate(rules)) as composer:
        await composer.stock(Ask("discord", "shelf"), 1)
        outcome = await composer.compose(Ask("discord", "discord:2", channel="9"))
    assert not outcome.from_shelf
    assert outcome.state is State.HELD


async def test_a_slot_is_kept_once(composing: Opened, sqlite_db: Database) -> None:
    ask = Ask("console", "schedule:daily", slot="daily@2026-01-05T09:00Z")
    async with composing([FINE, OTHER]) as composer:
        await composer.compose(ask)
        before = len(record(sqlite_db))
        with pytest.raises(SlotTaken):
            await composer.compose(ask)
    assert len(record(sqlite_db)) == before


async def test_what_was_written_for_one_wish_is_not_given_to_another(composing: Opened, sqlite_db: Database) -> None:
    async with composing([FINE, OTHER]) as composer:
        chosen = await composer.compose(Ask("discord", "discord:1", topic="cats"))
    states = {post.state for text, post in record(sqlite_db).items() if text != chosen.text}
    assert states == {State.EXPIRED}


class Unfinished(Voice):
    """Never comes to an end."""

    def generate(self, request: Request, cancelled: threading.Event | None = None) -> list[Generated]:
        """Lines that did not stop."""
        return [Generated(each.text, each.seed, 120, False, each.logprob) for each in super().generate(request)]


async def test_a_text_that_did_not_end_is_blocked_and_kept(composing: Opened, sqlite_db: Database) -> None:
    async with composing([FINE], voice=Unfinished([FINE])) as composer:
        outcome = await composer.compose(Ask("console", "terminal:me"))
    assert outcome.state is State.BLOCKED
    assert outcome.verdict.findings[-1].category == "unfinished"
    assert record(sqlite_db)[FINE].tokens == 120


async def test_a_text_too_long_for_the_platform_is_blocked_not_cut(composing: Opened, sqlite_db: Database) -> None:
    long = "I queue politely and I say sorry to the bollards, " * 6 + "every day."
    async with composing([long]) as composer:
        outcome = await composer.compose(Ask("x", "schedule:daily"))
    assert outcome.state is State.BLOCKED
    assert outcome.text == long
    assert "280 fit" in outcome.verdict.findings[-1].reason


async def test_the_record_tells_how_a_text_was_made(composing: Opened, sqlite_db: Database) -> None:
    async with composing([FINE, OTHER]) as composer:
        await composer.compose(Ask("console", "terminal:me", prompt="Honestly,", seed=41))
    first = next(post for post in record(sqlite_db).values() if post.seed == 41)
    assert first.text.startswith("Honestly, ")
    assert (first.prompt, first.adapter, first.engine) == ("Honestly,", "voice", "voice")
    assert first.sampling == Sampling().to_json()
    assert first.policy == Policy.default().hash
    assert first.created_at == NOW
