"""Mastodon, and whatever speaks its API: https://docs.joinmastodon.org/methods/statuses/#create.

The server keeps an ``Idempotency-Key`` for an hour and gives back the first status instead of making a second one;
after that the account's own statuses are read.
"""

import html
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import httpx

from bot.platforms.base import Receipt, Unsure
from bot.platforms.exchange import ask, deliver
from storage.posts import ClearedPost, Outgoing

CLOCK_SKEW = timedelta(minutes=2)
BREAK = re.compile(r"<br\s*/?>|</p>\s*<p>")
TAG = re.compile(r"<[^>]*>")

Visibility = Literal["public", "unlisted", "private"]


class MastodonPlatform:
    """One account on one server."""

    def __init__(
        self,
        base: str,
        *,
        token: str,
        visibility: Visibility = "public",
        timeout: float = 20.0,
        name: str = "mastodon",
    ) -> None:
        """``token`` needs the scopes ``write:statuses`` and ``read:statuses``, ``read:accounts``."""
        self.name = name
        self._visibility = visibility
        self._client = httpx.AsyncClient(
            base_url=base.rstrip("/"), timeout=timeout, headers={"Authorization": f"Bearer {token}"}
        )

    async def send(self, post: ClearedPost) -> Receipt:
        """Post a status."""
        answer = await deliver(
            self._client,
            "Mastodon",
            "/api/v1/statuses",
            json={"status": post.text, "visibility": self._visibility},
            headers={"Idempotency-Key": post.key},
        )
        try:
            return _receipt(answer.json())
        except (KeyError, TypeError, ValueError) as error:
            raise Unsure("Mastodon answered, but not with a status.") from error

    async def find(self, post: Outgoing) -> Sequence[Receipt]:
        """Look among the account's own newest statuses."""
        account = (await ask(self._client, "Mastodon", "/api/v1/accounts/verify_credentials")).json()
        query = {"limit": 40, "exclude_reblogs": "true"}
        answer = await ask(self._client, "Mastodon", f"/api/v1/accounts/{account['id']}/statuses", params=query)
        since, wanted = post.created_at - CLOCK_SKEW, " ".join(post.text.split())
        return [
            _receipt(status)
            for status in answer.json()
            if datetime.fromisoformat(status["created_at"]) >= since and plain(status["content"]) == wanted
        ]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def plain(content: str) -> str:
    """The text behind Mastodon's HTML, with its white space made single."""
    return " ".join(html.unescape(TAG.sub("", BREAK.sub(" ", content))).split())


def _receipt(status: dict[str, Any]) -> Receipt:
    return Receipt(remote_id=str(status["id"]), url=status.get("url"))
