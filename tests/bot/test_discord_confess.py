"""``/confess`` through the real discord.py client: what the person hears."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from bot.compose import Ask, Outcome
from bot.discord import wording
from bot.discord.client import ConfessClient, DiscordEar, point_at
from bot.discord.confess import add_confess
from bot.errors import DiscordRefused
from generation.errors import EngineUnavailable, GenerationTimeout, GeneratorBusy
from storage.db import Database
from storage.lifecycle import State
from tests.bot.discord_client import signed_in
from tests.bot.scripted import ScriptedComposer
from tests.loopback.discord_server import DiscordServer


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as running:
        yield running


async def test_the_wish_reaches_the_composer(server: DiscordServer, database: Database) -> None:
    composer = ScriptedComposer(database)
    woken: list[bool] = []
    ada = server.people["ada"]
    async with signed_in(server, lambda client: add_confess(client, composer, wake=lambda: woken.append(True))):
        asked = await server.command("confess", {"prompt": "I never", "about": "trains"}, user=ada)
        acknowledged = await asked.acknowledged()
        assert acknowledged["type"] == 5  # deferred
        answer = await asked.answered()
    assert answer == wording.POSTED.format(place=f"<#{server.channel}>")
    assert asked.private
    assert woken == [True]
    [ask] = composer.asks
    assert (ask.platform, ask.prompt, ask.topic, ask.nsfw) == ("discord", "I never", "trains", False)
    assert ask.who == f"discord:{ada['user']['id']}"
    assert (ask.channel, ask.server) == (server.channel, server.guild["id"])


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        (State.HELD, wording.HELD),
        (State.BLOCKED, wording.NOT_THIS_ONE),
        (None, wording.NOT_THIS_WISH),
        (GeneratorBusy("full"), wording.BUSY),
        (GenerationTimeout("late"), wording.TOO_SLOW),
        (EngineUnavailable("gone"), wording.BROKEN),
        (RuntimeError("a mistake of ours"), wording.BROKEN),
    ],
)
async def test_what_the_person_is_told(
    server: DiscordServer, database: Database, ending: State | Exception | None, told: str
) -> None:
    composer = ScriptedComposer(database, ending)
    async with signed_in(server, lambda client: add_confess(client, composer)):
        asked = await server.command("confess", user=server.people["ada"])
        assert await asked.answered() == told.format(place=f"<#{server.channel}>")
        assert asked.private


async def test_one_at_a_time_for_each_person(server: DiscordServer, database: Database) -> None:
    composer = ScriptedComposer(database)
    async with signed_in(server, lambda client: add_confess(client, composer, cooldown=60.0)):
        began = time.monotonic()
        first = await server.command("confess", user=server.people["ada"])
        await first.answered()
        second = await server.command("confess", user=server.people["ada"])
        answer = await second.answered()
        left = int("".join(filter(str.isdigit, answer)))
        assert 60 - (time.monotonic() - began) <= left <= 60  # a second may pass on a busy machine
        assert answer == wording.COOLDOWN.format(seconds=left)
        assert second.private
        other = await server.command("confess", user=server.people["mod"])
        await other.answered()
    assert len(composer.asks) == 2


async def test_a_channel_set_by_the_owner_takes_all(server: DiscordServer, database: Database) -> None:
    composer = ScriptedComposer(database)
    place = server.add_channel("adults", nsfw=True)
    async with signed_in(server, lambda client: add_confess(client, composer, channel_id=int(place))):
        asked = await server.command("confess", user=server.people["ada"])
        assert f"<#{place}>" in await asked.answered()
    assert (composer.asks[0].channel, composer.asks[0].nsfw) == (place, True)


async def test_where_the_bot_may_not_write_nothing_is_written(server: DiscordServer, database: Database) -> None:
    composer = ScriptedComposer(database)
    server.app_permissions = 0
    async with signed_in(server, lambda client: add_confess(client, composer)):
        asked = await server.command("confess", user=server.people["ada"])
        assert await asked.answered() == wording.CANNOT_WRITE.format(place=f"<#{server.channel}>")
    assert composer.asks == []


async def test_slow_composing_is_still_acknowledged_at_once(server: DiscordServer, database: Database) -> None:
    class Slow(ScriptedComposer):
        going_on = asyncio.Event()

        async def compose(self, ask: Ask) -> Outcome:
            await self.going_on.wait()
            return await super().compose(ask)

    composer = Slow(database)
    async with signed_in(server, lambda client: add_confess(client, composer)):
        asked = await server.command("confess", user=server.people["ada"])
        await asked.acknowledged()
        assert asked.answers == []
        composer.going_on.set()
        await asked.answered()


async def test_the_command_and_the_intents_are_as_documented(server: DiscordServer, database: Database) -> None:
    async with signed_in(server, lambda client: add_confess(client, ScriptedComposer(database))) as client:
        [command] = server.commands[server.guild["id"]]
        assert command["name"] == "confess"
        assert [(option["name"], option.get("required", False)) for option in command["options"]] == [
            ("prompt", False),
            ("about", False),
        ]
        assert server.gateway.identifies[0]["intents"] == 1  # guilds, and nothing privileged
        assert f"client_id={server.application_id}" in client.invite_link


async def test_a_reconnection_that_discord_asks_for_goes_unnoticed(server: DiscordServer, database: Database) -> None:
    async with signed_in(server, lambda client: add_confess(client, ScriptedComposer(database))):
        await server.gateway.ask_to_reconnect()
        async with asyncio.timeout(10):
            while len(server.gateway.identifies) < 2:
                await asyncio.sleep(0.01)
        await server.bot_is_here()
        asked = await server.command("confess", user=server.people["ada"])
        assert await asked.answered() == wording.POSTED.format(place=f"<#{server.channel}>")


async def test_a_wrong_token_is_one_sentence(server: DiscordServer) -> None:
    point_at(server.api_base, server.gateway_url)
    with pytest.raises(DiscordRefused, match=r"^Discord does not take the token: .*DISCORD__TOKEN\.$"):
        await DiscordEar(ConfessClient(), token="wrong").run()


async def test_a_token_that_only_the_gateway_refuses_is_the_same_sentence(server: DiscordServer) -> None:
    point_at(server.api_base, server.gateway_url)
    server.gateway.token = "another"
    with pytest.raises(DiscordRefused, match=r"^Discord does not take the token: "):
        await DiscordEar(ConfessClient(), token=server.token).run()


async def test_discord_may_come_later(server: DiscordServer, database: Database) -> None:
    port = server.port
    point_at(server.api_base, server.gateway_url)
    await server.stop()
    client = ConfessClient(guild_ids=[int(server.guild["id"])])
    ear = DiscordEar(client, token=server.token, first_wait=0.05)
    running = asyncio.create_task(ear.run())
    await asyncio.sleep(0.12)
    again = DiscordServer()
    await again.start(port)
    try:
        await again.bot_is_here()
    finally:
        ear.stop()
        await asyncio.wait_for(running, 10)
        await again.stop()


async def test_stopping_while_discord_is_away(server: DiscordServer) -> None:
    point_at(server.api_base, server.gateway_url)
    await server.stop()
    ear = DiscordEar(ConfessClient(), token=server.token, first_wait=30.0)
    running = asyncio.create_task(ear.run())
    await asyncio.sleep(0.05)
    ear.stop()
    await asyncio.wait_for(running, 5)
