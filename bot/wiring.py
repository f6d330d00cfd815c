"""The one place that names concrete parts: settings in, a running house out."""

import logging
import random
from collections.abc import AsyncIterator, Container, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from bot.compose import SEEDS, Composer
from bot.errors import ScheduleError
from bot.platforms.base import Platform
from bot.platforms.console import ConsolePlatform
from bot.publish import Publisher
from bot.rank import DefaultRanker
from bot.runner import Runner, Service, Upkeep
from bot.schedule import Schedule, Timetable
from bot.settings import (
    DiscordSettings,
    GateSettings,
    ScheduleSettings,
    Settings,
    SettingsError,
    WebSettings,
    token_problem,
)
from bot.shelf import Shelf
from bot.wordbook import Wordbook
from bot.worker import GeneratorWorker
from finetune.base import BASES
from generation.adapter import Adapter, find_adapter
from generation.engines import Server, open_generator
from generation.generator import Generator
from moderation.errors import FilterUnavailable
from moderation.filters.base import Filter
from moderation.filters.names import AUTHORS
from moderation.filters.repeat import RepeatFilter
from moderation.filters.wordlist import WordlistFilter
from moderation.gate import Absent, Gate, default_gate
from storage import posts
from storage.db import Database
from storage.lifecycle import State

log = logging.getLogger(__name__)

SAID = frozenset({State.APPROVED, State.SENDING, State.UNCERTAIN, State.PUBLISHED, State.WITHDRAWN})
_NOBODY_ASKS = (
    "Nobody can ask for a post: Discord is off (set DISCORD__TOKEN), and nothing is planned ([[schedule]] in "
    "confess.toml). What is approved already goes out."
)
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
    bundled = BASES / adapter.card.base  # only the transformers engine reads the base, and it knows no bundled names
    base = str(bundled) if (bundled / "config.json").is_file() and bundled.parent == BASES else None
    return open_generator(
        adapter, engine=engine.name, device=engine.device, threads=engine.threads, base=base, server=server
    )


def open_gate(settings: Settings, adapter: Adapter | None = None, said: RepeatFilter | None = None) -> Gate:
    """The gate of these settings; with an adapter it knows the training text and its authors too.

    Raises:
        WordlistError: the owner's word list cannot be read.
    """
    echo = adapter.folder / "echo" if adapter is not None else None
    authors = adapter.folder / AUTHORS if adapter is not None and adapter.has(AUTHORS) else None
    extra: list[Filter] = [*([said] if said is not None else []), *_outside(settings.gate)]
    return default_gate(settings.policy, echo=echo, wordlist_file=settings.gate.words, authors=authors, extra=extra)


def rules_in_force(settings: Settings) -> str:
    """What a gate of these settings judges by; a post on the shelf that was judged by anything else is judged again.

    Raises:
        WordlistError: the owner's word list cannot be read.
    """
    return Gate([WordlistFilter.load(settings.gate.words)], settings.policy).rules


def _outside(gate: GateSettings) -> list[Filter]:
    """The filters that ask a server, where one is set, and presidio."""
    from moderation.filters.guard import GuardModel
    from moderation.filters.outside import HubClassifier, OpenAIModeration

    filters: list[Filter] = []
    if gate.openai_key is not None:
        filters.append(OpenAIModeration(gate.openai_base, plain(gate.openai_key), timeout=gate.timeout))
    if gate.guard_url is not None:
        key = plain(gate.guard_key) or None
        filters.append(GuardModel(gate.guard_url, key, model=gate.guard_model, timeout=gate.timeout))
    if gate.hub_url is not None:
        key = plain(gate.hub_key) or None
        filters.append(HubClassifier(gate.hub_url, key, gate.hub_labels, timeout=gate.timeout))
    if gate.presidio:
        filters.append(_presidio(gate.timeout))
    return filters


def _presidio(timeout: float) -> Filter:
    """presidio, or what holds every text until it is installed."""
    from moderation.filters.presidio import PresidioFilter

    try:
        return PresidioFilter(timeout=timeout)
    except FilterUnavailable as error:
        return Absent(PresidioFilter.name, str(error))


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
                    held_life=timedelta(days=settings.compose.held_days),
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
        ScheduleError: a schedule makes no sense, or its platform is not set up.
    """
    async with open_composer(settings) as composer, AsyncExitStack() as stack:
        wordbook = Wordbook(settings.gate.words, composer.gate, clock=lambda: datetime.now(UTC))
        platforms = open_platforms(settings)
        discord = _Discord(settings.discord) if settings.discord.token is not None else None
        if discord is not None:
            platforms["discord"] = discord.platform
        for platform in platforms.values():
            stack.push_async_callback(platform.close)
        publisher = Publisher(composer.database, platforms)
        if discord is None and not settings.schedule:
            log.warning("%s", _NOBODY_ASKS, extra={"action": "nobody-asks"})
        services: list[Service] = []  # stopped in this order: what makes posts, what sends them, what connects
        if settings.schedule:
            schedules = [as_schedule(planned, platforms) for planned in settings.schedule]
            services.append(Timetable(composer, schedules, wake=publisher.wake))
        if settings.shelf.enabled and discord is not None:  # nobody else asks for a post at once
            services.append(Shelf(composer, low=settings.shelf.low, high=settings.shelf.high))
        if settings.web.enabled:
            services.append(_web(settings.web, composer, wordbook))
        if discord is not None:
            services += discord.desk(composer, publisher)
        adapter = find_adapter(settings.adapters.folder, settings.adapters.name)
        services += [Upkeep(composer.database, chores=[composer.gate.refresh, Reminder(adapter)]), publisher]
        if discord is not None:
            services.append(discord.ear(composer, publisher, wordbook))
        await Runner(composer.database, services).run()


class Reminder:
    """Tells the owner, once, that posts which the adapter has learned were taken back: before the start, or since."""

    def __init__(self, adapter: Adapter) -> None:
        """``adapter`` is the one that speaks."""
        self._adapter = adapter
        self._told: str | None = None

    def __call__(self) -> None:
        """Look, and say it when it is new."""
        stale = self._adapter.stale
        if stale and stale != self._told:
            log.warning("%s", stale, extra={"action": "adapter-stale", "adapter": self._adapter.name})
        self._told = stale


def open_platforms(settings: Settings) -> dict[str, Platform]:
    """Every platform that has its keys, by name; Discord's needs a client and is not among them."""
    platforms: dict[str, Platform] = {"console": ConsolePlatform()}
    x, mastodon, bluesky, webhook = settings.x, settings.mastodon, settings.bluesky, settings.webhook
    if 0 < len(x.missing) < 4:
        raise SettingsError(f"X needs all four keys: set {' and '.join(x.missing)}, from developer.x.com.")
    if not x.missing:
        from bot.platforms.x import XPlatform

        platforms["x"] = XPlatform(
            api_key=plain(x.api_key),
            api_secret=plain(x.api_secret),
            access_token=plain(x.access_token),
            access_secret=plain(x.access_secret),
            base=x.api_base,
        )
    if mastodon.token is not None:
        from bot.platforms.mastodon import MastodonPlatform

        platforms["mastodon"] = MastodonPlatform(
            mastodon.base, token=plain(mastodon.token), visibility=mastodon.visibility
        )
    if bluesky.handle is not None:
        from bot.platforms.bluesky import BlueskyPlatform

        platforms["bluesky"] = BlueskyPlatform(
            handle=bluesky.handle, app_password=plain(bluesky.app_password), base=bluesky.base
        )
    if webhook.url is not None:
        from bot.platforms.webhook import WebhookPlatform

        platforms["webhook"] = WebhookPlatform(plain(webhook.url), secret=plain(webhook.secret) or None)
    return platforms


def plain(secret: SecretStr | None) -> str:
    """A secret for whoever must know it; empty when it is not set."""
    return secret.get_secret_value() if secret is not None else ""


def as_schedule(planned: ScheduleSettings, ready: Container[str]) -> Schedule:
    """A schedule of ``confess.toml``, checked against the platforms that are ready.

    Raises:
        ScheduleError: an unknown zone, a time that is none, or a platform that is not set up.
    """
    schedule = Schedule(**planned.model_dump() | {"grace": timedelta(hours=planned.grace)})
    if planned.platform not in ready:
        message = f"Schedule {planned.name!r}: {planned.platform} is not set up; set it up or name another platform."
        raise ScheduleError(message)
    return schedule


def _web(web: WebSettings, composer: Composer, wordbook: Wordbook) -> Service:
    from bot.web.app import create_app
    from bot.web.server import WebPage

    if len(plain(web.token)) < 16:
        raise SettingsError("WEB__TOKEN needs 16 characters or more; make one with: openssl rand -hex 16")
    database, gate, clock = composer.database, composer.gate, lambda: datetime.now(UTC)
    app = create_app(database, gate, wordbook, token=plain(web.token), clock=clock)
    return WebPage(app, host=web.host, port=web.port)


class _Discord:
    """The Discord client with everything that hangs on it."""

    def __init__(self, discord: DiscordSettings) -> None:
        from bot.discord.client import ConfessClient, point_at
        from bot.discord.reviewers import Reviewers
        from bot.platforms.discord_channel import DiscordChannel

        problem = token_problem(plain(discord.token))
        if problem:
            raise SettingsError(f"DISCORD__TOKEN is malformed: {problem}; copy it again from discord.com/developers.")
        point_at(discord.api_base, discord.gateway_url)
        self._settings = discord
        self._reviewers = Reviewers(discord.reviewer_role_id, discord.review_channel_id)
        self._client = ConfessClient(guild_ids=discord.guild_ids)
        self.platform = DiscordChannel(self._client, default_channel=discord.channel_id)

    def ear(self, composer: Composer, publisher: Publisher, wordbook: Wordbook) -> Service:
        """The connection, ``/confess`` and ``/words``."""
        from bot.discord.client import DiscordEar
        from bot.discord.confess import add_confess
        from bot.discord.words import add_words

        discord = self._settings
        add_confess(
            self._client, composer, wake=publisher.wake, cooldown=discord.cooldown, channel_id=discord.channel_id
        )
        add_words(self._client, wordbook, self._reviewers)
        return DiscordEar(self._client, token=plain(discord.token))

    def desk(self, composer: Composer, publisher: Publisher) -> list[Service]:
        """The review desk, when it has a channel."""
        from bot.discord.review import ReviewDesk

        discord = self._settings
        if discord.review_channel_id is None:
            return []
        desk = ReviewDesk(
            self._client,
            composer.database,
            composer.gate,
            channel_id=discord.review_channel_id,
            reviewers=self._reviewers,
            wake=publisher.wake,
        )
        return [desk]
