"""One HTTP exchange, with every ending named by what it means for a post: for platforms that speak plain HTTP."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from bot.platforms.base import NotNow, Refused, Unsure

SOON = timedelta(minutes=1)
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
QUOTE = 200  # characters of the other side's own words


async def deliver(client: httpx.AsyncClient, whom: str, url: str, **request: Any) -> httpx.Response:
    """POST what makes a post; a 2xx answer comes back.

    Args:
        whom: the other side's name, for sentences.
        request: what ``httpx.AsyncClient.post`` takes.

    Raises:
        Refused, NotNow, Unsure: as :class:`~bot.platforms.base.Platform` says.
    """
    try:
        response = await client.post(url, **request)
    except NOT_SENT as error:
        raise NotNow(f"{whom} cannot be reached.", SOON) from error
    except httpx.HTTPError as error:
        raise Unsure(f"The connection to {whom} broke before the answer came.") from error
    if response.status_code >= 500:
        raise Unsure(f"{whom} answered {response.status_code}; it may have taken the post.")
    return _accepted(response, f"{whom} refused the post")


async def ask(client: httpx.AsyncClient, whom: str, url: str, **request: Any) -> httpx.Response:
    """Make a request that changes nothing, so that asking again is always safe; a 2xx answer, or a 404, comes back.

    Raises:
        Refused: the other side does not let us ask.
        NotNow: it cannot be asked at the moment.
    """
    try:
        response = await client.request(request.pop("method", "GET"), url, **request)
    except httpx.HTTPError as error:
        raise NotNow(f"{whom} cannot be reached.", SOON) from error
    if response.status_code >= 500:
        raise NotNow(f"{whom} answered {response.status_code}.", SOON)
    if response.status_code == 404:
        return response
    return _accepted(response, f"{whom} does not let us look")


def _accepted(response: httpx.Response, what: str) -> httpx.Response:
    if response.status_code == 429:
        raise NotNow(f"{response.url.host} asks us to slow down.", _retry_after(response))
    if not response.is_success:
        raise Refused(f"{what}: {_reason(response)} ({response.status_code}).")
    return response


def _reason(response: httpx.Response) -> str:
    """The other side's own words, from the fields that JSON errors use, else the status line."""
    try:
        body = response.json()
    except ValueError:
        body = None
    fields = ("error", "error_description", "message", "detail")
    said = [str(body[key]) for key in fields if body.get(key)] if isinstance(body, dict) else []
    return (": ".join(said) or response.reason_phrase or "no reason given")[:QUOTE].rstrip(".")


def _retry_after(response: httpx.Response) -> timedelta:
    """RFC 9110 10.2.3: seconds, or a date; fifteen minutes when neither is given. At least five seconds."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdigit():
        return max(timedelta(seconds=int(value)), timedelta(seconds=5))
    for name in ("Retry-After", "X-RateLimit-Reset"):  # Mastodon gives the second, as an ISO date
        try:
            raw = response.headers[name]
            moment = datetime.fromisoformat(raw) if raw[:1].isdigit() else parsedate_to_datetime(raw)
            return max(moment.astimezone(UTC) - datetime.now(UTC), timedelta(seconds=5))
        except (KeyError, ValueError):
            continue
    return timedelta(minutes=15)
