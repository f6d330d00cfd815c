"""The real discord.py client: signing in, where Discord is, which commands it knows.

No privileged intent is asked for. ``guilds`` alone lets the client know servers, channels and roles; commands and
buttons bring their member with them; message content is not needed, since a bot always sees its own messages.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

import aiohttp
import discord
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from bot.discord.desk import Desk
from bot.errors import DiscordRefused

log = logging.getLogger(__name__)

PERMISSIONS = discord.Permissions(view_channel=True, send_messages=True, embed_links=True, read_message_history=True)
REFUSED = (
    "Discord does not take the token: copy it anew from https://discord.com/developers/applications "
    "(Bot, Reset Token) into DISCORD__TOKEN."
)
AUTHENTICATION_FAILED = 4004  # gateway close code
LONGEST_WAIT = 60.0  # seconds between two attempts to sign in


def point_at(api_base: str, gateway_url: str | None) -> None:
    """Say where Discord is, for this process: the one place that knows where discord.py keeps its addresses."""
    Route.BASE = api_base.rstrip("/")
    if gateway_url:
        DiscordWebSocket.DEFAULT_GATEWAY = URL(gateway_url)


class ConfessClient(discord.Client):
    """The connection, the command tree, and the desk that buttons belong to."""

    def __init__(self, *, guild_ids: Sequence[int] = ()) -> None:
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # it never speaks aloud
        super().__init__(
            intents=discord.Intents(guilds=True),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_ratelimit_timeout=60.0,
        )
        self.tree = app_commands.CommandTree(self)
        self.desk: Desk | None = None
        self._guild_ids = tuple(guild_ids)

    @property
    def invite_link(self) -> str:
        """Where a server's owner adds the bot."""
        assert self.application_id is not None, "the client has signed in"
        return discord.utils.oauth_url(
            self.application_id, permissions=PERMISSIONS, scopes=("bot", "applications.commands")
        )

    async def setup_hook(self) -> None:
        """Tell Discord which commands there are; at once in the named servers, within an hour everywhere."""
        log.info("Add me to a server: %s", self.invite_link, extra={"action": "invite", "url": self.invite_link})
        if not self._guild_ids:
            await self.tree.sync()
        for guild_id in self._guild_ids:
            guild = discord.Object(guild_id)
            self.tree.copy_global_to(guild=guild)
            try:
                await self.tree.sync(guild=guild)
            except discord.Forbidden:
                log.warning("I am not in server %d yet: use the link above.", guild_id, extra={"action": "commands"})

    async def close(self) -> None:
        """Hang up; also within the two seconds in which discord.py still waits for servers after signing in.

        Its waiting task would otherwise wake up on a client that has no event loop any more (discord.py 2.7).
        """
        waiting = self._connection._ready_task
        if waiting is not None:
            waiting.cancel()
        await super().close()

    async def on_ready(self) -> None:
        """Say that we are here."""
        servers = "1 server" if len(self.guilds) == 1 else f"{len(self.guilds)} servers"
        log.info("Signed in to Discord as %s, on %s.", self.user, servers, extra={"action": "discord"})


class DiscordEar:
    """Runs a client until told to stop; a service of :mod:`bot.runner`."""

    def __init__(self, client: ConfessClient, *, token: str, first_wait: float = 2.0) -> None:
        """``first_wait``: seconds after a first failed attempt to reach Discord; doubled from then on."""
        self.client = client
        self._token = token
        self._first_wait = first_wait
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Sign in and listen; a broken connection is made again.

        Raises:
            DiscordRefused: Discord does not take the token.
        """
        stopping = asyncio.create_task(self._close_when_stopped())
        try:
            if await self._sign_in():
                await self.client.connect()
        except discord.LoginFailure:
            raise DiscordRefused(REFUSED) from None
        except discord.ConnectionClosed as error:
            if error.code == AUTHENTICATION_FAILED:
                raise DiscordRefused(REFUSED) from None
            raise DiscordRefused(f"Discord closed the connection for good (code {error.code}).") from error
        finally:
            if not self._stopped.is_set():
                stopping.cancel()
            # Waited for, never cancelled: discord.py's closing is one task that every caller shares.
            await asyncio.wait({stopping})
            await self.client.close()

    def stop(self) -> None:
        """Hang up."""
        self._stopped.set()

    async def _close_when_stopped(self) -> None:
        await self._stopped.wait()
        await self.client.close()

    async def _sign_in(self) -> bool:
        """Sign in, waiting for Discord to be there; False when told to stop meanwhile."""
        wait = self._first_wait
        while not self._stopped.is_set():
            try:
                await self.client.login(self._token)
                return True
            except (aiohttp.ClientConnectionError, discord.DiscordServerError, TimeoutError) as error:
                log.warning(
                    "Discord cannot be reached (%s); next try in %.0f seconds.",
                    error,
                    wait,
                    extra={"action": "discord"},
                )
                await self._forget_connection()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), wait)
            wait = min(2 * wait, LONGEST_WAIT)
        return False

    async def _forget_connection(self) -> None:
        """discord.py keeps the connector of a failed attempt, which is closed with its session."""
        await self.client.http.close()
        self.client.http.connector = discord.utils.MISSING
