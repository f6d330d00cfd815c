"""One test class over every platform, each with its real client against its service on loopback."""

import io
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

import pytest

from bot.platforms.base import NotNow, Platform, Refused, Unsure
from bot.platforms.bluesky import BlueskyPlatform
from bot.platforms.console import ConsolePlatform
from bot.platforms.discord_channel import DiscordChannel
from bot.platforms.mastodon import MastodonPlatform
from bot.platforms.webhook import WebhookPlatform
from bot.platforms.x import XPlatform
from storage.db import Database
from storage.posts import ClearedPost
from tests.bot.discord_client import signed_in
from tests.bot.rows import cleared
from tests.loopback.discord_server import DiscordServer
from tests.loopback.faults import Fault
from tests.loopback.fediverse import BlueskyServer, MastodonServer, WebhookServer
from tests.loopback.x_server import XServer


@dataclass
class Stage:
    """A platform, and what can be seen and done behind its back."""

    platform: Platform
    delivered: Callable[[], list[str]]
    fail: Callable[[Fault], None] | None  # None: this platform cannot fail
    leave: Callable[[], Awaitable[None]] | None  # the service goes away
    channel: str | None = None
    readable: bool = True  # what was sent can be looked for
    database: Database | None = None

    def post(self, text: str) -> ClearedPost:
        """A post on its way to this platform."""
        assert self.database is not None
        return cleared(self.database, text, platform=self.platform.name, channel=self.channel)


async def console(stack: AsyncExitStack) -> Stage:
    stream = io.StringIO()
    return Stage(ConsolePlatform(stream), lambda: stream.getvalue().strip().split("\n\n\n"), None, None, readable=False)


async def x(stack: AsyncExitStack) -> Stage:
    server = await stack.enter_async_context(XServer())
    keys = server.keys
    platform = XPlatform(
        api_key=keys.api_key,
        api_secret=keys.api_secret,
        access_token=keys.access_token,
        access_secret=keys.access_secret,
        base=server.base,
        timeout=5.0,
    )
    return Stage(platform, lambda: server.texts, server.fail, server.stop)


async def discord(stack: AsyncExitStack) -> Stage:
    server = await stack.enter_async_context(DiscordServer())
    client = await stack.enter_async_context(signed_in(server))
    channel = server.channel
    return Stage(DiscordChannel(client), lambda: server.said(channel), server.fail, server.stop, channel)


async def webhook(stack: AsyncExitStack) -> Stage:
    server = await stack.enter_async_context(WebhookServer())
    platform = WebhookPlatform(f"{server.base}/hook", secret=server.secret)
    return Stage(platform, lambda: server.texts, server.fail, server.stop, readable=False)


async def mastodon(stack: AsyncExitStack) -> Stage:
    server = await stack.enter_async_context(MastodonServer())
    platform = MastodonPlatform(server.base, token=server.token)
    return Stage(platform, lambda: server.texts, server.fail, server.stop)


async def bluesky(stack: AsyncExitStack) -> Stage:
    server = await stack.enter_async_context(BlueskyServer())
    platform = BlueskyPlatform(handle=server.handle, app_password=server.password, base=server.base)
    return Stage(platform, lambda: server.texts, server.fail, server.stop)


ALL = [console, x, discord, webhook, mastodon, bluesky]


@pytest.fixture(params=ALL, ids=lambda build: build.__name__)
async def stage(request: pytest.FixtureRequest, sqlite_db: Database) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        built: Stage = await request.param(stack)
        built.database = sqlite_db
        yield built
        await built.platform.close()
        await built.platform.close()  # safe twice


class TestPlatforms:
    """What every platform promises."""

    async def test_it_speaks_the_protocol_under_its_own_name(
        self, stage: Stage, request: pytest.FixtureRequest
    ) -> None:
        assert isinstance(stage.platform, Platform)
        assert f"[{stage.platform.name}]" in request.node.name

    @pytest.mark.parametrize("text", ["I never told her.", "Tom & Jerry <3 “quotes” naïve 🐈‍⬛", "two\n\nparagraphs"])
    async def test_what_is_sent_arrives_once_and_whole(self, stage: Stage, text: str) -> None:
        receipt = await stage.platform.send(stage.post(text))
        assert receipt.remote_id
        assert stage.delivered() == [text]

    async def test_a_refusal_is_final_and_says_why(self, stage: Stage) -> None:
        _able_to_fail(stage)(Fault(accept=False, status=403, body={"error": "Not today", "message": "Not today"}))
        with pytest.raises(Refused, match=r"Not today.*403\)\.$|Forbidden.*403\)\.$"):
            await stage.platform.send(stage.post("hello"))
        assert stage.delivered() == []

    async def test_too_many_requests_come_later(self, stage: Stage) -> None:
        limited = Fault(accept=False, status=429, body={"error": "Slow down"}, headers={"Retry-After": "90"})
        _able_to_fail(stage)(limited)
        with pytest.raises(NotNow) as caught:
            await stage.platform.send(stage.post("hello"))
        assert timedelta(seconds=5) <= caught.value.retry_after <= timedelta(hours=1)

    @pytest.mark.parametrize("arrived", [True, False])
    async def test_after_a_lost_answer_looking_tells_what_happened(self, stage: Stage, arrived: bool) -> None:
        _able_to_fail(stage)(Fault(accept=arrived))
        post = stage.post("lost & found")
        with pytest.raises(Unsure):
            await stage.platform.send(post)
        found = await stage.platform.find(post)
        if stage.readable:
            assert len(found) == int(arrived)
        assert stage.delivered() == ["lost & found"] * arrived

    async def test_a_second_send_after_a_lost_answer_is_no_second_post(self, stage: Stage) -> None:
        """What the reconciler does when a platform does not show the post yet."""
        _able_to_fail(stage)(Fault(accept=True))
        post = stage.post("only once")
        with pytest.raises(Unsure):
            await stage.platform.send(post)
        object.__setattr__(post, "attempts", 2)  # as the second claim of the same row has it
        try:
            await stage.platform.send(post)
        except Unsure as error:
            assert re.search("already", str(error))
        assert stage.delivered() == ["only once"]

    async def test_a_service_that_is_away_was_sent_nothing(self, stage: Stage) -> None:
        if stage.leave is None:
            pytest.skip("it is always there")
        await stage.leave()
        with pytest.raises(NotNow):
            await stage.platform.send(stage.post("hello"))

    async def test_sentences_are_whole(self, stage: Stage) -> None:
        for fault in (Fault(accept=True), Fault(accept=False, status=400), Fault(accept=False, status=429)):
            _able_to_fail(stage)(fault)
            with pytest.raises((Refused, NotNow, Unsure)) as caught:
                await stage.platform.send(stage.post(f"hello {fault.status}"))
            assert re.fullmatch(r"[A-Z0-9].*\.", str(caught.value))


def _able_to_fail(stage: Stage) -> Callable[[Fault], None]:
    if stage.fail is None:
        pytest.skip("it cannot fail")
    return stage.fail
