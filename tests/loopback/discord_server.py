"""Discord, as far as we use it: log-in, commands, interactions, messages, and the gateway.

    async with DiscordServer() as discord:
        ...start a real discord.py client with discord.api_base, discord.gateway_url and discord.token...
        await discord.bot_is_here()
        ask = await discord.command("confess", {"prompt": "I never"}, user=discord.people["ada"])
        await ask.answered()
        discord.said(discord.channel)

Nothing here is ours: it knows Discord's shapes only. REST: https://docs.discord.com/developers/reference.
"""

import asyncio
import json
from typing import Any

from aiohttp import web

from tests.loopback import discord_shapes as shapes
from tests.loopback.discord_gateway import Gateway
from tests.loopback.discord_interactions import Interaction, Interactions, body_of
from tests.loopback.discord_shapes import Payload
from tests.loopback.faults import Fault, Faults
from tests.loopback.serve import LoopbackServer

TOKEN = "MTk4NjIyNDgzNDcxOTI1MjQ4.Gtest0.0123456789abcdefghijklmnopqrstuvwxyzAB"
MANAGE_MESSAGES = 1 << 13
EVERYTHING = (1 << 50) - 1


class DiscordServer(LoopbackServer):
    """One server with two channels, three people and one bot, on a free port of 127.0.0.1."""

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.bot = shapes.user("Confessional", bot=True)
        self.application_id = shapes.snowflake()
        self.guild = shapes.guild("Test server")
        self.reviewer_role = shapes.role("Reviewers")
        self.guild["roles"].append(self.reviewer_role)
        self.channel = self.add_channel("confessions")
        self.review_channel = self.add_channel("review")
        self.people: dict[str, Payload] = {}
        for name, roles, permissions in (
            ("ada", (), 0),
            ("mod", (self.reviewer_role["id"],), 0),
            ("boss", (), MANAGE_MESSAGES),
        ):
            self.add_person(name, roles=roles, permissions=permissions)
        self.guild["members"] = [shapes.member(self.bot)]
        self.commands: dict[str, list[Payload]] = {}  # guild id ("" for everywhere) → what the bot registered
        self.messages: dict[str, list[Payload]] = {self.channel: [], self.review_channel: []}  # oldest first
        self.requests: list[tuple[str, str, Any]] = []  # method, path, body
        self.answers: list[tuple[str, str, int, Any]] = []  # method, path, status, body
        self.faults = Faults()  # for new messages in a channel
        self._nonces: dict[tuple[str, str], Payload] = {}
        self.app_permissions = EVERYTHING  # the bot's, in whichever channel
        self.gateway = Gateway(token=token, bot=self.bot, application_id=self.application_id, guilds=[self.guild])
        self.interactions = Interactions(self)
        app = web.Application(middlewares=[self._authorised])
        app.router.add_get("/gateway", self.gateway.handle)
        app.router.add_get("/api/users/@me", self._me)
        app.router.add_get("/api/oauth2/applications/@me", self._application)
        app.router.add_put("/api/applications/{app}/commands", self._register)
        app.router.add_put("/api/applications/{app}/guilds/{guild}/commands", self._register)
        app.router.add_get("/api/channels/{channel}", self._channel)
        app.router.add_get("/api/channels/{channel}/messages", self._history)
        app.router.add_post("/api/channels/{channel}/messages", self._create)
        app.router.add_patch("/api/channels/{channel}/messages/{message}", self._edit)
        self.interactions.add_routes(app)
        super().__init__(app)

    async def start(self, port: int = 0) -> None:
        """Listen; see the base class."""
        await super().start(port)
        self.gateway.url = self.gateway_url

    async def stop(self) -> None:
        """Hang up and stop listening."""
        await self.gateway.close()
        await super().stop()

    @property
    def api_base(self) -> str:
        """The REST address, as the setting wants it."""
        return f"{self.base}/api"

    @property
    def gateway_url(self) -> str:
        """The gateway's address, as the setting wants it."""
        return f"ws://127.0.0.1:{self.port}/gateway"

    def add_person(self, name: str, *, roles: tuple[str, ...] = (), permissions: int = 0) -> Payload:
        """A member who can type commands and press buttons."""
        self.people[name] = shapes.member(shapes.user(name), roles, permissions)
        return self.people[name]

    def add_channel(self, name: str, *, nsfw: bool = False) -> str:
        """A text channel; its id. Before the bot comes: it learns of its channels when it connects."""
        channel = shapes.text_channel(name, self.guild["id"], nsfw=nsfw)
        self.guild["channels"].append(channel)
        return str(channel["id"])

    async def bot_is_here(self, timeout: float = 10.0) -> None:
        """Wait until a bot has identified itself and has registered its commands."""
        async with asyncio.timeout(timeout):
            await self.gateway.identified.wait()

    def said(self, channel: str) -> list[str]:
        """What stands in a channel, oldest first."""
        return [message["content"] for message in self.messages[channel]]

    async def command(
        self,
        name: str,
        options: Payload | None = None,
        *,
        user: Payload,
        channel: str | None = None,
        typing: str | None = None,
    ) -> Interaction:
        """A member types a slash command; with ``typing``, one of its options is not finished yet."""
        where = channel or self.channel
        return await self.interactions.command(name, options or {}, user=user, channel=where, typing=typing)

    async def press(self, message: Payload, label: str, *, user: Payload) -> Interaction:
        """A member presses the button of a message that has this label."""
        return await self.interactions.press(message, label, user=user)

    def fail(self, *faults: Fault) -> None:
        """Misbehave at the coming messages, in this order."""
        self.faults.add(*faults)

    @web.middleware
    async def _authorised(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Routes with a token in their address (interactions, webhooks) need no other."""
        if request.path.startswith("/api/"):
            body = (await body_of(request))[0] if request.can_read_body else None
            self.requests.append((request.method, request.path.removeprefix("/api"), body))
            own_token = request.path.startswith(("/api/interactions/", "/api/webhooks/"))
            if not own_token and request.headers.get("Authorization") != f"Bot {self.token}":
                return as_discord(web.json_response(shapes.error(0, "401: Unauthorized"), status=401))
        answer: web.StreamResponse = await handler(request)
        if answer.prepared or not isinstance(answer, web.Response):  # the gateway's
            return answer
        path = request.path.removeprefix("/api")
        self.answers.append((request.method, path, answer.status, json.loads(answer.text or "null")))
        return as_discord(answer)

    async def _me(self, request: web.Request) -> web.Response:
        return web.json_response(self.bot | {"mfa_enabled": True, "locale": "en-US"})

    async def _application(self, request: web.Request) -> web.Response:
        return web.json_response(shapes.application(self.application_id))

    async def _register(self, request: web.Request) -> web.Response:
        guild = request.match_info.get("guild", "")
        self.commands[guild] = [
            command
            | {"id": shapes.snowflake(), "application_id": self.application_id, "version": shapes.snowflake()}
            | {"integration_types": command.get("integration_types") or [0]}
            | ({"guild_id": guild} if guild else {})
            for command in await request.json()
        ]
        return web.json_response(self.commands[guild])

    async def _channel(self, request: web.Request) -> web.Response:
        for channel in self.guild["channels"]:
            if channel["id"] == request.match_info["channel"]:
                return web.json_response(channel)
        return web.json_response(shapes.error(10003, "Unknown Channel"), status=404)

    async def _history(self, request: web.Request) -> web.Response:
        """Newest first; like Discord, without the nonce. ``after`` counts from an id on."""
        messages = self.messages.get(request.match_info["channel"])
        if messages is None:
            return web.json_response(shapes.error(10003, "Unknown Channel"), status=404)
        after, before = int(request.query.get("after", 0)), int(request.query.get("before", 1 << 63))
        wanted = [message for message in messages if after < int(message["id"]) < before]
        limit = int(request.query.get("limit", 50))
        page = wanted[:limit] if "after" in request.query else wanted[-limit:]
        return web.json_response([_without_nonce(message) for message in reversed(page)])

    async def _create(self, request: web.Request) -> web.Response:
        channel, body = request.match_info["channel"], await request.json()
        if channel not in self.messages:
            return web.json_response(shapes.error(10003, "Unknown Channel"), status=404)
        if len(body.get("content") or "") > 2000:
            return web.json_response(shapes.error(50035, "Invalid Form Body"), status=400)
        fault = self.faults.next()
        if fault is not None and not fault.accept:
            return await self.faults.play(fault, request)
        message = self._once(channel, body)
        if fault is not None:
            return await self.faults.play(fault, request)
        return web.json_response(message)

    def _once(self, channel: str, body: Payload) -> Payload:
        """The new message; with ``enforce_nonce`` the old one, if this nonce was seen in this channel before."""
        key = (channel, str(body.get("nonce")))
        if body.get("enforce_nonce") and key in self._nonces:
            return self._nonces[key]
        message = shapes.message(channel, self.bot, body) | {"nonce": body.get("nonce")}
        self.messages[channel].append(message)
        self._nonces[key] = message
        return message

    def forget_nonces(self) -> None:
        """Discord remembers a nonce for a few minutes only; this is later."""
        self._nonces.clear()

    async def _edit(self, request: web.Request) -> web.Response:
        for message in self.messages.get(request.match_info["channel"], ()):
            if message["id"] == request.match_info["message"]:
                shapes.update(message, await request.json())
                return web.json_response(_without_nonce(message))
        return web.json_response(shapes.error(10008, "Unknown Message"), status=404)


def as_discord(answer: web.StreamResponse) -> web.StreamResponse:
    """Discord names no charset, and discord.py reads JSON only then."""
    if answer.content_type == "application/json":
        answer.headers["Content-Type"] = "application/json"
    return answer


def _without_nonce(message: Payload) -> Payload:
    return {key: value for key, value in message.items() if key != "nonce"}
