"""Commands typed, buttons pressed, forms sent: https://docs.discord.com/developers/interactions/receiving-and-responding.

An interaction must be acknowledged within three seconds, and its token dies after fifteen minutes.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.loopback import discord_shapes as shapes
from tests.loopback.discord_shapes import Payload

if TYPE_CHECKING:
    from tests.loopback.discord_server import DiscordServer

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
MESSAGE, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 4, 6, 7, 8, 9
SUB_COMMAND = 1
EPHEMERAL = 1 << 6
ACKNOWLEDGE_WITHIN = 3.0


class Interaction:
    """One interaction, and what the bot made of it. Times are ``time.perf_counter()`` seconds."""

    def __init__(self, kind: int, user: Payload, channel: str, message: Payload | None = None) -> None:
        self.id = shapes.snowflake()
        self.token = f"interaction-token-{self.id}"
        self.kind = kind
        self.user = user
        self.channel = channel
        self.message = message  # the one whose button was pressed
        self.sent_at = 0.0
        self.acknowledged_at = 0.0
        self.answered_at = 0.0
        self.callback: Payload | None = None  # the first response
        self.answers: list[Payload] = []  # every message body the person got to see, in order
        self.files: dict[str, str] = {}  # what came with them, name → text
        self._acknowledged = asyncio.Event()
        self._answered = asyncio.Event()

    async def acknowledged(self, timeout: float = ACKNOWLEDGE_WITHIN) -> Payload:
        """Wait for the first response, as long as Discord does; it."""
        await asyncio.wait_for(self._acknowledged.wait(), timeout)
        assert self.callback is not None
        return self.callback

    async def answered(self, timeout: float = 10.0) -> str:
        """Wait for words to the person; the newest."""
        await asyncio.wait_for(self._answered.wait(), timeout)
        return str(self.answers[-1].get("content") or "")

    async def choices(self) -> list[Payload]:
        """Wait for what an option that is being typed is completed by."""
        callback = await self.acknowledged()
        assert callback["type"] == CHOICES
        return list(callback["data"]["choices"])

    @property
    def private(self) -> bool:
        """Whether only the person who asked sees the answer."""
        data = (self.callback or {}).get("data") or {}
        return bool((data.get("flags") or 0) & EPHEMERAL) or bool(
            self.answers and (self.answers[-1].get("flags") or 0) & EPHEMERAL
        )

    def note_callback(self, body: Payload) -> None:
        """The first response has come."""
        self.callback = body
        self.acknowledged_at = time.perf_counter()
        self._acknowledged.set()
        if body["type"] == MESSAGE:
            self.note_answer(body["data"])

    def note_answer(self, body: Payload) -> None:
        """Words have come."""
        self.answers.append(body)
        self.answered_at = time.perf_counter()
        self._answered.set()


class Interactions:
    """The routes that interactions answer to."""

    def __init__(self, server: "DiscordServer") -> None:
        self._server = server
        self._by_token: dict[str, Interaction] = {}

    def add_routes(self, app: web.Application) -> None:
        """Add the routes to the server's application."""
        app.router.add_post("/api/interactions/{id}/{token}/callback", self._callback)
        app.router.add_post("/api/webhooks/{app}/{token}", self._follow_up)
        app.router.add_patch("/api/webhooks/{app}/{token}/messages/@original", self._edit_original)
        app.router.add_get("/api/webhooks/{app}/{token}/messages/@original", self._original)

    async def command(
        self, name: str, options: Payload, *, user: Payload, channel: str, typing: str | None = None
    ) -> Interaction:
        """Type a slash command that the bot has registered; of a group, as ``"group command"``.

        With ``typing`` it is not sent off yet: that option is still being typed, and wants to be completed.

        Raises:
            LookupError: the bot has registered no such command or option here.
        """
        known = [*self._server.commands.get(self._server.guild["id"], ()), *self._server.commands.get("", ())]
        top, *below = name.split()
        found = spec = _named(known, top)
        if below:
            spec = _named(found["options"], *below)
        values: list[Payload] = []
        for key, value in options.items():
            kind = _named(spec["options"], key)["type"]
            values.append({"name": key, "type": kind, "value": value} | ({"focused": True} if key == typing else {}))
        if below:
            values = [{"name": spec["name"], "type": SUB_COMMAND, "options": values}]
        data = {"id": found["id"], "name": top, "type": 1, "options": values}
        return await self._send(Interaction(AUTOCOMPLETE if typing else COMMAND, user, channel), data)

    async def press(self, message: Payload, label: str, *, user: Payload) -> Interaction:
        """Press a message's button.

        Raises:
            LookupError: the message has no such button that can be pressed.
        """
        for row in message["components"]:
            for button in row["components"]:
                if button.get("label") == label and not button.get("disabled"):
                    interaction = Interaction(COMPONENT, user, message["channel_id"], message)
                    return await self._send(interaction, {"custom_id": button["custom_id"], "component_type": 2})
        raise LookupError(f"the message has no button {label!r} that can be pressed")

    async def submit(self, opened: Interaction, values: list[str]) -> Interaction:
        """Fill in and send the form that an interaction was answered with; one value a field, in order."""
        assert opened.callback is not None and opened.callback["type"] == MODAL, "the bot has opened a form"
        form = opened.callback["data"]
        filled = []
        for row, value in zip(form["components"], values, strict=True):
            field = row.get("component") or row["components"][0]
            answer = {"type": 4, "custom_id": field["custom_id"], "value": value}
            kind = {"component": answer} if "component" in row else {"components": [answer]}
            filled.append({"type": row["type"], **kind})
        data = {"custom_id": form["custom_id"], "components": filled}
        return await self._send(Interaction(MODAL_SUBMIT, opened.user, opened.channel, opened.message), data)

    async def _send(self, interaction: Interaction, data: Payload) -> Interaction:
        self._by_token[interaction.token] = interaction
        channel = next(each for each in self._server.guild["channels"] if each["id"] == interaction.channel)
        event: dict[str, Any] = {
            "id": interaction.id,
            "application_id": self._server.application_id,
            "type": interaction.kind,
            "data": data,
            "guild_id": self._server.guild["id"],
            "guild": {"id": self._server.guild["id"], "features": [], "locale": "en-US"},
            "channel_id": interaction.channel,
            "channel": channel,
            "member": interaction.user,
            "token": interaction.token,
            "version": 1,
            "app_permissions": str(self._server.app_permissions),
            "locale": "en-GB",
            "guild_locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": {"0": self._server.guild["id"]},
            "context": 0,
            "attachment_size_limit": 10_485_760,
        }
        if interaction.message is not None:
            event["message"] = interaction.message
        interaction.sent_at = time.perf_counter()
        await self._server.gateway.dispatch("INTERACTION_CREATE", event)
        return interaction

    async def _callback(self, request: web.Request) -> web.Response:
        interaction = self._by_token.get(request.match_info["token"])
        if interaction is None or time.perf_counter() - interaction.sent_at > ACKNOWLEDGE_WITHIN:
            return web.json_response(shapes.error(10062, "Unknown interaction"), status=404)
        if interaction.callback is not None:
            return web.json_response(shapes.error(40060, "Interaction has already been acknowledged."), status=400)
        body = await request.json()
        interaction.note_callback(body)
        if body["type"] == UPDATE and interaction.message is not None:
            shapes.update(interaction.message, body["data"])
        about: Payload = {"interaction": {"id": interaction.id, "type": interaction.kind}}
        if body["type"] == MESSAGE:
            message = shapes.message(interaction.channel, self._server.bot, body["data"])
            about["resource"] = {"type": body["type"], "message": message}
        return web.json_response(about)

    async def _follow_up(self, request: web.Request) -> web.Response:
        interaction, (body, files) = self._by_token[request.match_info["token"]], await body_of(request)
        if interaction.callback is None:
            return web.json_response(shapes.error(10015, "Unknown Webhook"), status=404)
        interaction.files |= files
        interaction.note_answer(body)
        return web.json_response(shapes.message(interaction.channel, self._server.bot, body))

    async def _edit_original(self, request: web.Request) -> web.Response:
        interaction, (body, files) = self._by_token[request.match_info["token"]], await body_of(request)
        if interaction.callback is None:
            return web.json_response(shapes.error(10015, "Unknown Webhook"), status=404)
        interaction.files |= files
        if interaction.callback["type"] in {DEFERRED_UPDATE, UPDATE} and interaction.message is not None:
            shapes.update(interaction.message, body)
            return web.json_response(interaction.message)
        interaction.note_answer(body)
        return web.json_response(shapes.message(interaction.channel, self._server.bot, body))

    async def _original(self, request: web.Request) -> web.Response:
        interaction = self._by_token[request.match_info["token"]]
        body = interaction.answers[-1] if interaction.answers else {}
        return web.json_response(interaction.message or shapes.message(interaction.channel, self._server.bot, body))


async def body_of(request: web.Request) -> tuple[Payload, dict[str, str]]:
    """What a request says, and the text files that came with it."""
    if request.content_type != "multipart/form-data":
        return await request.json(), {}
    form = await request.post()
    files = {field.filename: _text_of(field) for field in form.values() if isinstance(field, web.FileField)}
    return json.loads(str(form["payload_json"])), files


def _named(known: Sequence[Payload], name: str) -> Payload:
    found = next((each for each in known if each["name"] == name), None)
    if found is None:
        raise LookupError(f"the bot has registered no {name!r}")
    return found


def _text_of(field: web.FileField) -> str:
    field.file.seek(0)  # the form is kept, and may have been read before
    return field.file.read().decode()
