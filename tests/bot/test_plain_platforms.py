"""What each platform that speaks plain HTTP does of its own: signatures, record keys, reading HTML back."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.platforms.base import NotNow
from bot.platforms.bluesky import record_key
from bot.platforms.console import printable
from bot.platforms.exchange import ask
from bot.platforms.mastodon import plain
from bot.platforms.webhook import sign
from storage.posts import Outgoing
from tests.loopback.fediverse import html_of


def outgoing(key: str, born: datetime) -> Outgoing:
    return Outgoing(
        id=1,
        text="hello",
        platform="bluesky",
        channel=None,
        server=None,
        requester=None,
        key=key,
        attempts=1,
        created_at=born,
        sent_at=born,
    )


def test_the_signature_is_the_one_of_the_standard() -> None:
    """The example of https://docs.svix.com/receiving/verifying-payloads/how-manual."""
    signature = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
        b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


moments = st.integers(0, 10**9).map(lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))


@given(st.text(), moments, moments)
def test_record_keys_are_valid_stable_and_in_order_of_birth(key: str, one: datetime, other: datetime) -> None:
    keys = [record_key(outgoing(key, moment)) for moment in (one, other)]
    assert all(re.fullmatch("[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}", each) for each in keys)
    assert keys[0] == record_key(outgoing(key, one))
    assert (keys[0] < keys[1]) == (one < other)


@given(st.text(st.characters(blacklist_categories=["Cc", "Cs"])), st.text(max_size=5))
def test_mastodons_html_reads_back_as_the_text(first: str, second: str) -> None:
    text = f"{first}\n\n{second}"
    assert plain(html_of(text)) == " ".join(text.split())


@given(st.text())
def test_nothing_that_steers_a_terminal_is_printed(text: str) -> None:
    shown = printable(f"{text}\x1b[31m\x07\u202e\x9b1m\r")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    assert printable("a 👩‍👩‍👧 ❤️ line\nnext") == "a 👩‍👩‍👧 ❤️ line\nnext"


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"Retry-After": "120"}, 120, 120),
        ({"Retry-After": "0"}, 5, 5),
        ({"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}, 10**9, 10**10),
        ({"X-RateLimit-Reset": "2100-12-31T23:59:59.000Z"}, 10**9, 10**10),
        ({"Retry-After": "soon"}, 900, 900),
        ({}, 900, 900),
    ],
)
async def test_how_long_to_wait(headers: dict[str, str], low: int, high: int) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(429, headers=headers))
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(NotNow) as caught:
            await ask(client, "It", "https://service.example/")
    assert low <= caught.value.retry_after.total_seconds() <= high
