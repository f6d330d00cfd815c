"""A whole bot in one process: real parts everywhere, only the voice and the outside services are the tests' own."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.compose import Composer
from bot.discord.client import ConfessClient, DiscordEar, point_at
from bot.discord.confess import add_confess
from bot.discord.review import ReviewDesk
from bot.discord.reviewers import Reviewers
from bot.discord.words import add_words
from bot.platforms.base import Platform
from bot.platforms.discord_channel import DiscordChannel
from bot.platforms.x import XPlatform
from bot.publish import Publisher
from bot.rank import DefaultRanker
from bot.runner import Runner, Service, Upkeep
from bot.schedule import Schedule, Timetable
from bot.wordbook import Wordbook
from bot.worker import GeneratorWorker
from generation.sampling import Sampling
from moderation.gate import Gate
from storage import posts
from storage.db import Database
from storage.lifecycle import State
from storage.models import Post
from tests.journeys.voice import Voice
from tests.loopback.discord_server import DiscordServer
from tests.loopback.discord_shapes import Payload
from tests.loopback.x_server import XServer


@dataclass
class House:
    """What a bot is built from; :meth:`open` runs one, again and again on the same record."""

    database: Database
    gate: Gate
    discord: DiscordServer
    x: XServer
    lines: Sequence[str]
    schedules: Sequence[Schedule] = ()
    settle: timedelta = timedelta(0)
    seeds: "itertools.count[int]" = field(default_factory=lambda: itertools.count(0, 100))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """A running bot; stopped gently in the end."""
        point_at(self.discord.api_base, self.discord.gateway_url)
        client = ConfessClient(guild_ids=[int(self.discord.guild["id"])])
        platforms: dict[str, Platform] = {"discord": DiscordChannel(client), "x": self._x()}
        async with GeneratorWorker(lambda: Voice(self.lines)) as worker:
            composer = Composer(
                database=self.database,
                worker=worker,
                gate=self.gate,
                ranker=DefaultRanker(),
                draw_seed=lambda: next(self.seeds),
                sampling=Sampling(),
                candidates=1,
            )
            publisher = Publisher(self.database, platforms, poll=0.05, settle=self.settle)
            add_confess(client, composer, wake=publisher.wake)
            reviewers = Reviewers(int(self.discord.reviewer_role["id"]))
            wordbook = Wordbook(
                Path(self.database.name).parent / "words.toml", self.gate, clock=lambda: datetime.now(UTC)
            )
            add_words(client, wordbook, reviewers)
            desk = ReviewDesk(
                client,
                self.database,
                self.gate,
                channel_id=int(self.discord.review_channel),
                reviewers=reviewers,
                wake=publisher.wake,
                beat=0.05,
            )
            timetable = Timetable(composer, self.schedules, wake=publisher.wake, beat=0.05)
            ear = DiscordEar(client, token=self.discord.token)
            services: list[Service] = [timetable, Upkeep(self.database), desk, publisher, ear]
            runner = Runner(self.database, services)
            running = asyncio.create_task(runner.run())
            try:
                await self._here(running)
                yield
            finally:
                runner.stop()
                await asyncio.wait_for(running, 20)
                for platform in platforms.values():
                    await platform.close()

    async def _here(self, running: "asyncio.Task[None]") -> None:
        """Wait for the bot to be on Discord, or to fail."""
        here = asyncio.create_task(self.discord.bot_is_here())
        await asyncio.wait({here, running}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            here.cancel()
            await running
        await here

    def _x(self) -> XPlatform:
        keys = self.x.keys
        return XPlatform(
            api_key=keys.api_key,
            api_secret=keys.api_secret,
            access_token=keys.access_token,
            access_secret=keys.access_secret,
            base=self.x.base,
        )

    def newest(self) -> Post:
        """The post that was born last."""
        with self.database.reading() as session:
            return posts.find(session, limit=1)[0]

    def path(self, number: int) -> list[State]:
        """The states a post has been in, from birth on."""
        with self.database.reading() as session:
            return [event.to_state for event in posts.events(session, number)]

    async def reached(self, number: int, state: State) -> Post:
        """Wait until a post is in a state."""
        async with asyncio.timeout(20):
            while True:
                with self.database.reading() as session:
                    post = posts.get(session, number)
                if post.state is state:
                    return post
                await asyncio.sleep(0.02)

    async def card(self, number: int | None = None) -> Payload:
        """Wait for an open card in the review channel: this post's, or the newest."""
        async with asyncio.timeout(20):
            while True:
                for card in reversed(self.discord.messages[self.discord.review_channel]):
                    if card["components"] and (
                        number is None or card["embeds"][0]["title"].startswith(f"Post {number} ")
                    ):
                        return card
                await asyncio.sleep(0.02)
