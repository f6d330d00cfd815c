"""Is everything in order? One line for each setting, token, folder and database, with how to mend what is not.

Nothing leaves the machine: tokens are checked by their shape.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.errors import ScheduleError
from bot.settings import DiscordSettings, Settings, XSettings, token_problem
from bot.wiring import as_schedule
from generation.adapter import Adapter, find_adapter
from generation.engines import open_generator
from generation.errors import GenerationError
from generation.generator import Request
from generation.sampling import Sampling
from storage.db import Database
from storage.errors import StorageError


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    subject: str
    fine: bool | None  # None: not set up, and need not be
    finding: str  # what was found; when it is not fine, how to mend it


def examine(settings: Settings) -> Iterator[Check]:
    """Look at every part, cheapest first."""
    yield _database(settings)
    yield from _adapters(settings)
    yield _words(settings)
    yield _discord(settings.discord)
    yield _x(settings.x)
    yield from _schedules(settings)
    yield _web(settings)


def _database(settings: Settings) -> Check:
    try:
        database = Database.open(settings.database.url.get_secret_value())
    except StorageError as error:
        return Check("database", False, str(error))
    with database.session():
        pass
    database.close()
    return Check("database", True, "it opens, and its tables are up to date")


def _adapters(settings: Settings) -> Iterator[Check]:
    try:
        adapter = find_adapter(settings.adapters.folder, settings.adapters.name)
        yield Check("adapter", not adapter.stale, adapter.stale or f"{adapter.card.name}, on {adapter.card.base}")
        yield _engine(settings, adapter)
    except GenerationError as error:
        yield Check("adapter", False, str(error))


def _engine(settings: Settings, adapter: Adapter) -> Check:
    name = None if settings.engine.name == "auto" else settings.engine.name
    if name == "openai":
        return Check("engine", None, f"openai at {settings.engine.base_url}; it is asked when the bot runs")
    try:
        generator = open_generator(adapter, engine=name, threads=settings.engine.threads)
        generator.generate(Request(count=1, sampling=Sampling(max_tokens=2)))
        generator.close()
    except GenerationError as error:
        return Check("engine", False, str(error))
    return Check("engine", True, f"{generator.identity.engine} {generator.identity.engine_version} speaks")


def _words(settings: Settings) -> Check:
    path = settings.gate.words
    if path.is_file():
        return Check("word list", True, str(path))
    if "words" in settings.gate.model_fields_set:
        return Check("word list", False, f"GATE__WORDS names {path}, which is not there")
    return Check("word list", None, f"only the built-in one; the first word of yours begins {path}")


def _discord(discord: DiscordSettings) -> Check:
    if discord.token is None:
        return Check("Discord", None, "off; set DISCORD__TOKEN to turn it on")
    problem = token_problem(discord.token.get_secret_value())
    if problem:
        mend = "copy it again from discord.com/developers, your application, Bot, Reset Token"
        return Check("Discord", False, f"DISCORD__TOKEN is malformed: {problem}; {mend}")
    if discord.review_channel_id is None:
        return Check("Discord", True, "the token has the right shape; held posts wait for `confess review` only")
    return Check("Discord", True, "the token has the right shape, and held posts have a channel")


def _x(x: XSettings) -> Check:
    missing = x.missing
    if len(missing) == 4:
        return Check("X", None, "off; set the four X__… keys to turn it on")
    if missing:
        return Check(
            "X", False, f"{' and '.join(missing)} missing; all four come from developer.x.com, Keys and tokens"
        )
    if x.access_token is None or not re.fullmatch(r"\d+-\w+", x.access_token.get_secret_value()):
        return Check("X", False, "X__ACCESS_TOKEN is malformed: it is the account's number, a dash, and letters")
    return Check("X", True, "four keys of the right shape")


def _schedules(settings: Settings) -> Iterator[Check]:
    set_up = {
        "console": True,
        "discord": settings.discord.token,
        "x": not settings.x.missing,
        "mastodon": settings.mastodon.token,
        "bluesky": settings.bluesky.handle,
        "webhook": settings.webhook.url,
    }
    ready = {name for name, there in set_up.items() if there}
    for planned in settings.schedule:
        subject = f"schedule {planned.name}"
        try:
            schedule = as_schedule(planned, ready)
        except ScheduleError as error:
            yield Check(subject, False, str(error))
        else:
            yield Check(subject, True, f"{', '.join(schedule.times)} {schedule.zone} on {schedule.platform}")


def _web(settings: Settings) -> Check:
    web = settings.web
    if not web.enabled:
        return Check("review page", None, "off; set WEB__ENABLED=true to turn it on")
    if web.token is None or len(web.token.get_secret_value()) < 16:
        return Check("review page", False, "WEB__TOKEN needs 16 characters or more; make one: openssl rand -hex 16")
    if web.host not in {"127.0.0.1", "localhost", "::1"}:
        return Check("review page", True, f"it listens on {web.host}, beyond this machine: put TLS in front of it")
    return Check("review page", True, f"http://{web.host}:{web.port}")
