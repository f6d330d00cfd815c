"""A real discord.py client that is signed in to Discord on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bot.discord.client import ConfessClient, DiscordEar, point_at
from tests.loopback.discord_server import DiscordServer


@asynccontextmanager
async def signed_in(
    server: DiscordServer, prepare: Callable[[ConfessClient], None] = lambda client: None
) -> AsyncIterator[ConfessClient]:
    """A client whose commands are registered and that has its servers; hangs up in the end."""
    point_at(server.api_base, server.gateway_url)
    client = ConfessClient(guild_ids=[int(server.guild["id"])])
    prepare(client)
    ear = DiscordEar(client, token=server.token)
    running = asyncio.create_task(ear.run())
    try:
        await server.bot_is_here()
        while not client.guilds or client.guilds[0].unavailable:
            await asyncio.sleep(0.01)
        yield client
    finally:
        ear.stop()
        await asyncio.wait_for(running, 10)
