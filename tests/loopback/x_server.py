"""X's API v2, as far as we use it: three routes, OAuth 1.0a checked by oauthlib, X's shapes of answers and refusals.

Shapes: https://docs.x.com/x-api/posts/create-post, https://docs.x.com/x-api/users/get-me,
https://docs.x.com/x-api/posts/get-posts, https://docs.x.com/x-api/fundamentals/response-codes-and-errors.
"""

import html
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from oauthlib.oauth1 import RequestValidator, ResourceEndpoint

from tests.loopback.faults import Fault, Faults
from tests.loopback.serve import LoopbackServer

ME = {"id": "2244994945", "name": "Confessional", "username": "confessional"}
DUPLICATE = "You are not allowed to create a Tweet with duplicate content."


@dataclass(frozen=True, slots=True)
class Keys:
    """The four secrets of OAuth 1.0a user context."""

    api_key: str = "test-api-key-0123456789abc"
    api_secret: str = "test-api-secret-0123456789"
    access_token: str = "2244994945-test-access-token"
    access_secret: str = "test-access-secret-01234567"


class _Validator(RequestValidator):
    """Looks the keys up and refuses a nonce that was used before."""

    enforce_ssl = False  # loopback speaks plain HTTP
    safe_characters = RequestValidator().safe_characters | set("-_")
    dummy_client = "dummy-client"
    dummy_access_token = "dummy-token"

    def __init__(self, keys: Keys) -> None:
        super().__init__()
        self.keys = keys
        self.seen: set[str] = set()

    def check_client_key(self, client_key: str) -> bool:
        return bool(client_key)

    def check_access_token(self, request_token: str) -> bool:
        return bool(request_token)

    def check_nonce(self, nonce: str) -> bool:
        return bool(nonce)

    def validate_client_key(self, client_key: str, request: Any) -> bool:
        return client_key == self.keys.api_key

    def validate_access_token(self, client_key: str, token: str, request: Any) -> bool:
        return token == self.keys.access_token

    def get_client_secret(self, client_key: str, request: Any) -> str:
        return self.keys.api_secret

    def get_access_token_secret(self, client_key: str, token: str, request: Any) -> str:
        return self.keys.access_secret

    def validate_realms(self, *args: Any, **kwargs: Any) -> bool:
        return True

    def validate_timestamp_and_nonce(
        self, client_key: str, timestamp: str, nonce: str, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        fresh = nonce not in self.seen and abs(time.time() - int(timestamp)) < 300
        self.seen.add(nonce)
        return fresh


@dataclass
class XServer(LoopbackServer):
    """X on a free port of 127.0.0.1. ``posts`` is the account's timeline, oldest first."""

    keys: Keys = field(default_factory=Keys)
    posts: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)  # "POST /2/tweets", …, only those with a valid signature
    refuses_duplicates: bool = True
    lag: bool = False  # the timeline does not show anything yet
    faults: Faults = field(default_factory=Faults)  # for POST /2/tweets
    _validator: _Validator = field(init=False)

    def __post_init__(self) -> None:
        self._validator = _Validator(self.keys)
        app = web.Application(middlewares=[self._signed])
        app.router.add_post("/2/tweets", self._create)
        app.router.add_get("/2/users/me", self._me)
        app.router.add_get("/2/users/{id}/tweets", self._timeline)
        LoopbackServer.__init__(self, app)

    def fail(self, *faults: Fault) -> None:
        """Misbehave at the coming posts, in this order."""
        self.faults.add(*faults)

    @property
    def texts(self) -> list[str]:
        """What the account has posted, oldest first."""
        return [html.unescape(post["text"]) for post in self.posts]

    @web.middleware
    async def _signed(self, request: web.Request, handler: Any) -> web.StreamResponse:
        endpoint = ResourceEndpoint(self._validator)
        valid, _ = endpoint.validate_protected_resource_request(
            str(request.url), request.method, "", {"Authorization": request.headers.get("Authorization", "")}, []
        )
        if not valid:
            return _problem(401, "Unauthorized", "Unauthorized")
        self.calls.append(f"{request.method} {request.path}")
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _create(self, request: web.Request) -> web.Response:
        text = (await request.json()).get("text", "")
        fault = self.faults.next()
        if fault is None or fault.accept:
            if self.refuses_duplicates and text in self.texts:
                return _problem(403, "Forbidden", DUPLICATE)
            post = self.add(text)
        if fault is not None:
            return await self.faults.play(fault, request)
        return web.json_response({"data": {"id": post["id"], "text": post["text"]}}, status=201)

    def add(self, text: str, created_at: datetime | None = None) -> dict[str, Any]:
        """Put a post on the timeline, as the account's owner might by hand."""
        at = created_at or datetime.now(UTC)
        post = {
            "id": str(1_900_000_000_000_000_000 + len(self.posts)),
            "text": html.escape(text, quote=False),
            "created_at": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "edit_history_tweet_ids": [str(1_900_000_000_000_000_000 + len(self.posts))],
        }
        self.posts.append(post)
        return post

    async def _me(self, request: web.Request) -> web.Response:
        return web.json_response({"data": ME})

    async def _timeline(self, request: web.Request) -> web.Response:
        if request.match_info["id"] != ME["id"]:
            return _problem(404, "Not Found Error", "Could not find user.")
        since = request.query.get("start_time", "")
        shown = [] if self.lag else [post for post in reversed(self.posts) if post["created_at"] >= since]
        start, size = int(request.query.get("pagination_token", 0)), int(request.query.get("max_results", 10))
        page = shown[start : start + size]
        meta: dict[str, Any] = {"result_count": len(page)}
        if start + size < len(shown):
            meta["next_token"] = str(start + size)
        return web.json_response({"data": page, "meta": meta} if page else {"meta": meta})


def _problem(status: int, title: str, detail: str) -> web.Response:
    return web.json_response(
        {"title": title, "detail": detail, "type": "about:blank", "status": status},
        status=status,
        content_type="application/problem+json",
    )
