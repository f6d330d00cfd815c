"""Discord's gateway: hello, identify or resume, ready, servers, heartbeats, events.

https://docs.discord.com/developers/events/gateway, opcodes and close codes:
https://docs.discord.com/developers/topics/opcodes-and-status-codes.
"""

import asyncio
import json
from typing import Any

from aiohttp import WSMsgType, web

from tests.loopback.discord_shapes import Payload, snowflake

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 0, 1, 2, 6, 7, 9, 10, 11
AUTHENTICATION_FAILED, DISALLOWED_INTENTS = 4004, 4014
PRIVILEGED = (1 << 1) | (1 << 8) | (1 << 15)  # members, presences, message content


class Gateway:
    """One bot's connections. Events go to the newest one that has identified itself."""

    def __init__(self, *, token: str, bot: Payload, application_id: str, guilds: list[Payload]) -> None:
        self.token = token
        self._bot = bot
        self._application_id = application_id
        self._guilds = guilds
        self._socket: web.WebSocketResponse | None = None
        self._sequence = 0
        self.identified = asyncio.Event()  # a bot is here and has its servers
        self.identifies: list[Payload] = []  # what each IDENTIFY said, without the token
        self.heartbeats = 0
        self.url = ""

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """One connection, from hello to close. Frames are plain text, which every client understands."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await self._send(socket, HELLO, {"heartbeat_interval": 41_250})
        async for frame in socket:
            if frame.type is not WSMsgType.TEXT:
                break
            await self._heard(socket, json.loads(frame.data))
        if self._socket is socket:
            self._socket = None
            self.identified.clear()
        return socket

    async def _heard(self, socket: web.WebSocketResponse, said: Payload) -> None:
        if said["op"] == HEARTBEAT:
            self.heartbeats += 1
            await self._send(socket, HEARTBEAT_ACK, None)
        elif said["op"] == IDENTIFY:
            await self._identify(socket, said["d"])
        elif said["op"] == RESUME:  # no session is kept; the client identifies anew
            await self._send(socket, INVALID_SESSION, False)

    async def _identify(self, socket: web.WebSocketResponse, identity: Payload) -> None:
        if identity.pop("token") != self.token:
            await socket.close(code=AUTHENTICATION_FAILED, message=b"Authentication failed.")
            return
        self.identifies.append(identity)
        if identity["intents"] & PRIVILEGED:  # nobody has switched them on for this application
            await socket.close(code=DISALLOWED_INTENTS, message=b"Disallowed intent(s).")
            return
        self._socket = socket
        ready = {
            "v": 10,
            "user": self._bot,
            "guilds": [{"id": guild["id"], "unavailable": True} for guild in self._guilds],
            "session_id": snowflake(),
            "resume_gateway_url": self.url,
            "application": {"id": self._application_id, "flags": 0},
        }
        await self.dispatch("READY", ready)
        for guild in self._guilds:
            await self.dispatch("GUILD_CREATE", guild)
        self.identified.set()

    async def dispatch(self, event: str, data: Any) -> None:
        """Send one event to the bot.

        Raises:
            ConnectionError: no bot is connected.
        """
        if self._socket is None:
            raise ConnectionError("no bot is connected to the loopback gateway")
        self._sequence += 1
        await self._send(self._socket, DISPATCH, data, t=event, s=self._sequence)

    async def ask_to_reconnect(self) -> None:
        """Send the RECONNECT opcode, as Discord does several times a day."""
        if self._socket is not None:
            await self._send(self._socket, RECONNECT, None)

    async def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            await self._socket.close()

    @staticmethod
    async def _send(socket: web.WebSocketResponse, op: int, data: Any, **more: Any) -> None:
        await socket.send_json({"op": op, "d": data, **more})
