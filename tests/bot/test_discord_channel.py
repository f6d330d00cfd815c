"""The real discord.py client against Discord on loopback: sending to a channel, and looking there."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.discord.client import ConfessClient
from bot.platforms.base import NotNow, Refused, Unsure
from bot.platforms.discord_channel import DiscordChannel
from storage.db import Database
from tests.bot.discord_client import signed_in
from tests.bot.rows import cleared
from tests.loopback.discord_server import DiscordServer
from tests.loopback.faults import Fault


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as running:
        yield running


@pytest.fixture
async def client(server: DiscordServer) -> AsyncIterator[ConfessClient]:
    async with signed_in(server) as running:
        yield running


async def test_a_message_pings_nobody_and_previews_nothing(
    server: DiscordServer, client: ConfessClient, database: Database
) -> None:
    text, place = "hello @everyone https://a.example", {"channel": server.channel, "server": server.guild["id"]}
    post = cleared(database, text, platform="discord", **place)
    receipt = await DiscordChannel(client).send(post)
    [message] = server.messages[server.channel]
    assert receipt.remote_id == message["id"]
    assert receipt.url == f"https://discord.com/channels/{server.guild['id']}/{server.channel}/{message['id']}"
    sent = server.requests[-1][2]
    assert sent["allowed_mentions"] == {"parse": []}
    assert (sent["nonce"], sent["enforce_nonce"]) == (post.key, True)
    assert sent["flags"] & 4  # SUPPRESS_EMBEDS
    assert "@everyone" not in sent["content"]


async def test_the_default_channel_takes_what_names_none(
    server: DiscordServer, client: ConfessClient, database: Database
) -> None:
    post = cleared(database, "hello", platform="discord")
    with pytest.raises(Refused, match="DISCORD__CHANNEL_ID"):
        await DiscordChannel(client).send(post)
    await DiscordChannel(client, default_channel=int(server.channel)).send(post)
    assert server.said(server.channel) == ["hello"]


async def test_the_same_post_twice_is_one_message(
    server: DiscordServer, client: ConfessClient, database: Database
) -> None:
    post = cleared(database, "once", platform="discord", channel=server.channel)
    first, second = await DiscordChannel(client).send(post), await DiscordChannel(client).send(post)
    assert first == second
    assert server.said(server.channel) == ["once"]


@pytest.mark.parametrize("accept", [True, False])
async def test_a_lost_answer_is_unsure_and_the_history_tells(
    server: DiscordServer, client: ConfessClient, database: Database, accept: bool
) -> None:
    server.fail(Fault(accept=accept))
    post = cleared(database, "lost *answer*", platform="discord", channel=server.channel)
    platform = DiscordChannel(client)
    with pytest.raises(Unsure, match="broke"):
        await platform.send(post)
    assert [each.remote_id for each in await platform.find(post)] == [
        message["id"] for message in server.messages[server.channel]
    ]
    assert len(server.messages[server.channel]) == int(accept)


@pytest.mark.parametrize("code", [403, 400])
async def test_a_refusal_carries_discords_own_words(
    server: DiscordServer, client: ConfessClient, database: Database, code: int
) -> None:
    server.fail(Fault(accept=False, status=code, body={"code": 50013, "message": "Missing Permissions"}))
    post = cleared(database, "hello", platform="discord", channel=server.channel)
    with pytest.raises(Refused, match=re.escape(f"Missing Permissions ({code}).")):
        await DiscordChannel(client).send(post)


async def test_an_unknown_channel_is_refused(server: DiscordServer, client: ConfessClient, database: Database) -> None:
    for channel, word in (("12345", "Unknown Channel"), ("general", "not the number")):
        with pytest.raises(Refused, match=word):
            await DiscordChannel(client).send(cleared(database, "hello", platform="discord", channel=channel))


async def test_an_older_message_or_another_authors_is_not_this_post(
    server: DiscordServer, client: ConfessClient, database: Database
) -> None:
    platform = DiscordChannel(client)
    await platform.send(cleared(database, "words", platform="discord", channel=server.channel))
    [message] = server.messages[server.channel]
    message["author"] = server.people["ada"]["user"]
    post = cleared(database, "words", platform="discord", channel=server.channel)
    assert await platform.find(post) == []
    message["author"] = server.bot
    assert len(await platform.find(post)) == 1
    born_later = cleared(
        database, "words", platform="discord", channel=server.channel, now=datetime.now(UTC) + timedelta(hours=1)
    )
    assert await platform.find(born_later) == []


async def test_nobody_at_home_is_not_unsure(server: DiscordServer, client: ConfessClient, database: Database) -> None:
    post = cleared(database, "knock", platform="discord", channel=server.channel)
    with pytest.raises(NotNow, match="not connected"):
        await DiscordChannel(ConfessClient()).send(post)
    await client.close()
    with pytest.raises(NotNow, match="not connected"):
        await DiscordChannel(client).send(post)
