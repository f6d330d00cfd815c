"""Three small services that speak plain HTTP: a webhook receiver, Mastodon, Bluesky; a few routes of each."""

import html
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from bot.platforms.webhook import sign
from tests.loopback.faults import Fault, Faults
from tests.loopback.serve import LoopbackServer

Handler = Callable[[web.Request], Awaitable[web.Response]]


class PlainServer(LoopbackServer):
    """A service with one route that makes posts and some that do not."""

    def __init__(self, create: str, routes: Mapping[str, Handler]) -> None:
        self.texts: list[str] = []
        self.faults = Faults()
        app = web.Application()
        app.router.add_post(create, self._create)
        for route, handler in routes.items():
            method, path = route.split(" ")
            app.router.add_route(method, path, handler)
        super().__init__(app)

    def fail(self, *faults: Fault) -> None:
        """Misbehave at the coming posts, in this order."""
        self.faults.add(*faults)

    async def _create(self, request: web.Request) -> web.Response:
        fault = self.faults.next()
        if fault is not None and not fault.accept:
            return await self.faults.play(fault, request)
        answer = await self.create(request)
        return answer if fault is None else await self.faults.play(fault, request)

    async def create(self, request: web.Request) -> web.Response:
        """Make the post."""
        raise NotImplementedError


class WebhookServer(PlainServer):
    """A receiver that checks the signature and takes each id once, as the scheme asks of it."""

    secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

    def __init__(self) -> None:
        super().__init__("/hook", {})
        self.seen: set[str] = set()

    async def create(self, request: web.Request) -> web.Response:
        """Take a post."""
        headers, body = request.headers, await request.read()
        expected = sign(self.secret, headers["webhook-id"], headers["webhook-timestamp"], body)
        if headers.get("webhook-signature") != expected:
            return web.json_response({"error": "bad signature"}, status=401)
        if headers["webhook-id"] not in self.seen:
            self.seen.add(headers["webhook-id"])
            self.texts.append((await request.json())["data"]["text"])
        return web.Response(status=204)


class MastodonServer(PlainServer):
    """One account's statuses; an idempotency key is remembered."""

    token = "mastodon-test-token"

    def __init__(self) -> None:
        routes = {
            "GET /api/v1/accounts/verify_credentials": self._verify,
            "GET /api/v1/accounts/{id}/statuses": self._statuses,
        }
        super().__init__("/api/v1/statuses", routes)
        self.statuses: list[dict[str, Any]] = []
        self.keys: dict[str, dict[str, Any]] = {}

    async def create(self, request: web.Request) -> web.Response:
        """Make a status, once a key."""
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"error": "The access token is invalid"}, status=401)
        key, body = request.headers["Idempotency-Key"], await request.json()
        if key not in self.keys:
            number = len(self.statuses) + 1
            self.keys[key] = {
                "id": str(number),
                "url": f"{self.base}/@confessional/{number}",
                "content": html_of(body["status"]),
                "created_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            }
            self.statuses.append(self.keys[key])
            self.texts.append(body["status"])
        return web.json_response(self.keys[key])

    async def _verify(self, request: web.Request) -> web.Response:
        return web.json_response({"id": "7", "username": "confessional"})

    async def _statuses(self, request: web.Request) -> web.Response:
        return web.json_response(self.statuses[::-1])


class BlueskyServer(PlainServer):
    """One repository with records under keys of the writer's choice."""

    handle, password, did = "confessional.test", "abcd-efgh-ijkl-mnop", "did:plc:confessional"

    def __init__(self) -> None:
        routes = {
            "POST /xrpc/com.atproto.server.createSession": self._sign_in,
            "GET /xrpc/com.atproto.repo.getRecord": self._get,
        }
        super().__init__("/xrpc/com.atproto.repo.putRecord", routes)
        self.records: dict[str, dict[str, Any]] = {}

    async def create(self, request: web.Request) -> web.Response:
        """Write a record."""
        if request.headers.get("Authorization") != "Bearer jwt":
            return web.json_response({"error": "AuthMissing", "message": "Authentication Required"}, status=401)
        body = await request.json()
        if "swapRecord" in body and body["swapRecord"] is None and body["rkey"] in self.records:
            return web.json_response({"error": "InvalidSwap", "message": "Record was at bafyrei…"}, status=400)
        self.records[body["rkey"]] = body["record"]
        self.texts.append(body["record"]["text"])
        return web.json_response({"uri": f"at://{self.did}/{body['collection']}/{body['rkey']}", "cid": "bafyrei"})

    async def _sign_in(self, request: web.Request) -> web.Response:
        if await request.json() != {"identifier": self.handle, "password": self.password}:
            error = {"error": "AuthenticationRequired", "message": "Invalid identifier or password"}
            return web.json_response(error, status=401)
        return web.json_response({"did": self.did, "handle": self.handle, "accessJwt": "jwt", "refreshJwt": "jwt"})

    async def _get(self, request: web.Request) -> web.Response:
        record = self.records.get(request.query["rkey"])
        if record is None:
            return web.json_response({"error": "RecordNotFound", "message": "Could not locate record"}, status=400)
        return web.json_response({"uri": "at://", "cid": "bafyrei", "value": record})


def html_of(text: str) -> str:
    """A text as Mastodon shows it."""
    paragraphs = (html.escape(part).replace("\n", "<br />") for part in text.split("\n\n"))
    return f"<p>{'</p><p>'.join(paragraphs)}</p>"
