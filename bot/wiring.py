"""The one place that names concrete parts: settings in, a running house out."""

import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from bot.compose import SEEDS, Composer
from bot.platforms.base import Platform
from bot.platforms.console import ConsolePlatform
from bot.publish import Publisher
from bot.rank import DefaultRanker
from bot.runner import Runner, Service, Upkeep
from bot.schedule import Schedule, Timetable
from bot.settings import DiscordSettings, ScheduleSettings, Settings, XSettings
from bot.worker import GeneratorWorker
from generation.adapter import Adapter, find_adapter
from generation.engines import Server, open_generator
from generation.generator import Generator
from moderation.filters.repeat import RepeatFilter
from moderation.gate import Gate, default_gate
from storage import posts
from storage.db import Database
from storage.lifecycle import State

SAID = frozenset({State.APPROVED, State.SENDING, State.UNCERTAIN, State.PUBLISHED, State.WITHDRAWN})
REMEMBERED = 5_000  # posts at most that count as said already


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """The record, closed afterwards.

    Raises:
        DatabaseError: it cannot be opened, is not ready, or is newer than this program.
    """
    database = Database.open(settings.database.url.get_secret_value())
    try:
        yield database
    finally:
        database.close()


def open_voice(settings: Settings, adapter: Adapter) -> Generator:
    """The engine that speaks with an adapter.

    Raises:
        EngineUnavailable: it cannot run here; the sentence says what to do.
    """
    engine = settings.engine
    server = Server(engine.base_url, engine.api_key, engine.model, engine.timeout)
    return open_generator(adapter, engine=engine.name, device=engine.device, threads=engine.threads, server=server)


def open_gate(settings: Settings, adapter: Adapter | None = None, said: RepeatFilter | None = None) -> Gate:
    """The gate of these settings; with an adapter it knows the training text too.

    Raises:
        WordlistError: the owner's word list cannot be read.
    """
    echo = adapter.folder / "echo" if adapter is not None else None
    extra = [said] if said is not None else []
    return default_gate(settings.policy, echo=echo, wordlist_file=settings.gate.words, extra=extra)


def open_memory(settings: Settings, database: Database) -> RepeatFilter:
    """What the bot has said of late, so that it does not say it again."""
    memory = RepeatFilter(lambda: datetime.now(UTC), days=settings.compose.remember_days)
    with database.reading() as session:
        for post in posts.find(session, states=SAID, limit=REMEMBERED):
            memory.remember(post.text, post.created_at)
    return memory


@asynccontextmanager
async def open_composer(settings: Settings) -> AsyncIterator[Composer]:
    """Voice, gate and record together; closed afterwards."""
    adapter = find_adapter(settings.adapters.folder, settings.adapters.name)
    engine = settings.engine
    with open_database(settings) as database:
        memory = open_memory(settings, database)
        gate = open_gate(settings, adapter, memory)
        worker = GeneratorWorker(
            lambda: open_voice(settings, adapter),
            timeout=engine.timeout,
            queue=engine.queue,
            per_user=engine.per_user,
        )
        try:
            async with worker:
                yield Composer(
                    database=database,
                    worker=worker,
                    gate=gate,
                    ranker=DefaultRanker(),
                    draw_seed=lambda: random.randrange(SEEDS),
                    sampling=settings.sampling,
                    candidates=settings.compose.candidates,
                    shelf_life=timedelta(hours=settings.shelf.max_age_hours),
                    remember=timedelta(days=settings.compose.remember_days),
                    said=memory.remember,
                )
        finally:
            gate.close()


async def run(settings: Settings) -> None:
    """Run the whole bot until it is told to stop.

    Raises:
        AlreadyRunning: another `confess run` works on this database.
        DiscordRefused: Discord does not take the token.
    """
    async with open_composer(settings) as composer:
        platforms: dict[str, Platform] = {"console": ConsolePlatform()}
        if settings.x.api_key is not None:
            platforms["x"] = _x(settings.x)
        discord = _Discord(settings.discord) if settings.discord.token is not None else None
        if discord is not None:
            platforms["discord"] = discord.platform
        publisher = Publisher(composer.database, platforms)
        schedules = [as_schedule(planned) for planned in settings.schedule]
        services: list[Service] = [publisher, Upkeep(composer.database)]
        if schedules:
            services.append(Timetable(composer, schedules, wake=publisher.wake))
        if discord is not None:
            services += discord.services(composer, publisher)
        try:
            await Runner(composer.database, services).run()
        finally:
            for platform in platforms.values():
                await platform.close()


def as_schedule(planned: ScheduleSettings) -> Schedule:
    """A schedule of ``confess.toml``, checked.

    Raises:
        ScheduleError: an unknown zone, or a time that is none.
    """
    return Schedule(**planned.model_dump() | {"grace": timedelta(hours=planned.grace)})


def _x(x: XSettings) -> Platform:
    from bot.platforms.x import XPlatform

    def key(secret: SecretStr | None) -> str:
        return secret.get_secret_value() if secret is not None else ""

    return XPlatform(
        api_key=key(x.api_key),
        api_secret=key(x.api_secret),
        access_token=key(x.access_token),
        access_secret=key(x.access_secret),
        base=x.api_base,
    )


class _Discord:
    """The Discord client with everything that hangs on it."""

    def __init__(self, discord: DiscordSettings) -> None:
        from bot.discord.client import ConfessClient, point_at
        from bot.platforms.discord_channel import DiscordChannel

        point_at(discord.api_base, discord.gateway_url)
        self._settings = discord
        self._client = ConfessClient(guild_ids=discord.guild_ids)
        self.platform = DiscordChannel(self._client, default_channel=discord.channel_id)

    def services(self, composer: Composer, publisher: Publisher) -> list[Service]:
        """The ear, and the review desk when it has a channel."""
        from bot.discord.client import DiscordEar
        from bot.discord.confess import add_confess
        from bot.discord.review import ReviewDesk

        discord, wake = self._settings, publisher.wake
        assert discord.token is not None, "Discord is wired only with a token"
        add_confess(self._client, composer, wake=wake, cooldown=discord.cooldown, channel_id=discord.channel_id)
        ear = DiscordEar(self._client, token=discord.token.get_secret_value())
        if discord.review_channel_id is None:
            return [ear]
        desk = ReviewDesk(
            self._client,
            composer.database,
            composer.gate,
            channel_id=discord.review_channel_id,
            role_id=discord.reviewer_role_id,
            wake=wake,
        )
        return [ear, desk]
