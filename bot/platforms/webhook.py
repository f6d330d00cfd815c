"""Any web address that takes JSON, signed by the Standard Webhooks scheme (https://www.standardwebhooks.com).

The receiver must take the same ``webhook-id`` for the same post: after a lost answer the post is sent again with it.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import httpx

from bot.platforms.base import Receipt
from bot.platforms.exchange import deliver
from storage.posts import ClearedPost, Outgoing

PREFIX = "whsec_"  # a secret written so is base64


class WebhookPlatform:
    """POSTs each post to one address."""

    def __init__(
        self,
        url: str,
        *,
        secret: str | None = None,
        timeout: float = 20.0,
        name: str = "webhook",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = name
        self._url = url
        self._secret = secret
        self._clock = clock
        self._client = httpx.AsyncClient(timeout=timeout)

    async def send(self, post: ClearedPost) -> Receipt:
        """Send the post; an ``id`` and a ``url`` in a JSON answer are kept."""
        body = json.dumps(
            {
                "type": "post.published",
                "timestamp": self._clock().isoformat(),
                "data": {"id": post.key, "text": post.text},
            },
            ensure_ascii=False,
        ).encode()
        answer = await deliver(self._client, "The webhook", self._url, content=body, headers=self._headers(post, body))
        try:
            said = answer.json()
        except ValueError:
            said = {}
        said = said if isinstance(said, dict) else {}
        address = said.get("url")
        return Receipt(str(said.get("id") or post.key), address if isinstance(address, str) else None)

    async def find(self, post: Outgoing) -> Sequence[Receipt]:
        """Nothing to look at, and nothing to fear: the receiver knows a repeated id."""
        return []

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _headers(self, post: ClearedPost, body: bytes) -> dict[str, str]:
        stamp = str(int(self._clock().timestamp()))
        headers = {"Content-Type": "application/json", "webhook-id": post.key, "webhook-timestamp": stamp}
        if self._secret is not None:
            headers["webhook-signature"] = sign(self._secret, post.key, stamp, body)
        return headers


def sign(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """The ``webhook-signature``: HMAC-SHA256 of id, timestamp and body, joined by full stops.

    Raises:
        ValueError: a ``whsec_`` secret is not base64.
    """
    key = base64.b64decode(secret.removeprefix(PREFIX)) if secret.startswith(PREFIX) else secret.encode()
    digest = hmac.new(key, b".".join((message_id.encode(), timestamp.encode(), body)), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
