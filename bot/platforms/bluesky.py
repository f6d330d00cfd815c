"""Bluesky, over AT Protocol: https://docs.bsky.app/docs/advanced-guides/posts, https://atproto.com/specs/record-key.

A post's record key is ours to choose, so the same post always has the same address: a second send overwrites nothing
(``swapRecord: null`` demands that there is none yet), and looking is one question.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx

from bot.platforms.base import Receipt, Refused, Unsure
from bot.platforms.exchange import ask, deliver
from storage.posts import ClearedPost, Outgoing

COLLECTION = "app.bsky.feed.post"
DIGITS = "234567abcdefghijklmnopqrstuvwxyz"  # sortable base 32


class BlueskyPlatform:
    """One account, signed in with an app password."""

    def __init__(
        self,
        *,
        handle: str,
        app_password: str,
        base: str = "https://bsky.social",
        timeout: float = 20.0,
        name: str = "bluesky",
    ) -> None:
        self.name = name
        self._identity = {"identifier": handle, "password": app_password}
        self._client = httpx.AsyncClient(base_url=f"{base.rstrip('/')}/xrpc", timeout=timeout)

    async def send(self, post: ClearedPost) -> Receipt:
        """Write the record."""
        session = await self._sign_in()
        key = record_key(post)
        record = {"$type": COLLECTION, "text": post.text, "createdAt": post.sent_at.isoformat()}
        body = {
            "repo": session["did"],
            "collection": COLLECTION,
            "rkey": key,
            "record": record,
            "swapRecord": None,
        }
        try:
            await deliver(self._client, "Bluesky", "/com.atproto.repo.putRecord", json=body, headers=_bearer(session))
        except Refused as error:
            if "InvalidSwap" in str(error):  # there is a record at this key already: an earlier try's
                raise Unsure("Bluesky has this post already, from an earlier try.") from error
            raise
        return _receipt(session, key)

    async def find(self, post: Outgoing) -> Sequence[Receipt]:
        """Ask for the record."""
        session = await self._sign_in()
        key = record_key(post)
        query = {"repo": session["did"], "collection": COLLECTION, "rkey": key}
        try:
            answer = await ask(
                self._client, "Bluesky", "/com.atproto.repo.getRecord", params=query, headers=_bearer(session)
            )
        except Refused as error:
            if "RecordNotFound" in str(error):  # a 400, not a 404
                return []
            raise
        return [_receipt(session, key)] if answer.is_success else []

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _sign_in(self) -> dict[str, Any]:
        """A fresh session: posts are rare, and a session kept for days would have to be renewed."""
        answer = await ask(
            self._client, "Bluesky", "/com.atproto.server.createSession", method="POST", json=self._identity
        )
        session: dict[str, Any] = answer.json()
        return session


def record_key(post: Outgoing) -> str:
    """The post's TID (https://atproto.com/specs/tid): microseconds of its birth, and ten bits of its own key."""
    clock = int.from_bytes(hashlib.sha256(post.key.encode()).digest()[:2], "big") & 0x3FF
    number = (_microseconds(post.created_at) << 10) | clock
    return "".join(DIGITS[(number >> shift) & 31] for shift in range(60, -1, -5))


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) & ((1 << 53) - 1)


def _bearer(session: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {session['accessJwt']}"}


def _receipt(session: dict[str, Any], key: str) -> Receipt:
    return Receipt(
        remote_id=f"at://{session['did']}/{COLLECTION}/{key}",
        url=f"https://bsky.app/profile/{session['handle']}/post/{key}",
    )
