"""X, through the real tweepy client with OAuth 1.0a user context.

API pages: https://docs.x.com/x-api/posts/create-post, https://docs.x.com/x-api/posts/get-posts (an account's own
timeline), https://docs.x.com/x-api/fundamentals/rate-limits.

X has no idempotency key, so a lost answer is settled by reading the account's own timeline. Two of X's own habits
make that safe: it refuses the same text twice in a short time (403, "duplicate content"), and it says when a post was
created, so an older post with the same words is not mistaken for this one.
"""

import asyncio
import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
import tweepy
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from bot.platforms.base import NotNow, Receipt, Refused, Unsure
from storage.posts import ClearedPost, Outgoing

TWEEPY_HOST = "https://api.twitter.com"  # written inside tweepy's Client.request
PAGES = 5  # of a hundred posts each, newest first; an account that posts more than 500 since a send is not ours
CLOCK_SKEW = timedelta(minutes=2)  # how far our clock may be ahead of X's
NEVER_SENT = (NewConnectionError, ConnectTimeoutError)
LINK = re.compile(r"https?://\S+")


class _Session(requests.Session):
    """Sends tweepy's requests to our base address, with a time limit (tweepy sets none) and without redirects.

    The rewriting happens before the request is prepared, so the OAuth signature covers the address really used.
    """

    def __init__(self, base: str, timeout: float) -> None:
        super().__init__()
        self._base = base.rstrip("/")
        self._timeout = timeout

    def request(self, method: str, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """As ``requests.Session.request``, for an address below tweepy's host."""
        address = url.decode() if isinstance(url, bytes) else url
        kwargs.setdefault("timeout", self._timeout)
        kwargs.setdefault("allow_redirects", False)
        return super().request(method, address.replace(TWEEPY_HOST, self._base, 1), *args, **kwargs)


class XPlatform:
    """One X account."""

    def __init__(
        self,
        *,
        api_key: str,
        api_secret: str,
        access_token: str,
        access_secret: str,
        base: str = TWEEPY_HOST,
        timeout: float = 20.0,
        name: str = "x",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Keys as X's developer console shows them; ``timeout`` in seconds for connecting and for each wait."""
        self.name = name
        self._clock = clock
        self._client = tweepy.Client(
            consumer_key=api_key,
            consumer_secret=api_secret,
            access_token=access_token,
            access_token_secret=access_secret,
        )
        self._client.session = _Session(base, timeout)

    async def send(self, post: ClearedPost) -> Receipt:
        """Post the text once; see :class:`~bot.platforms.base.Platform` for how it may end."""
        return await asyncio.to_thread(self._send, post)

    async def find(self, post: Outgoing) -> Sequence[Receipt]:
        """Look for the text on the account's own timeline, among posts not older than this one's birth."""
        return await asyncio.to_thread(self._find, post)

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.to_thread(self._client.session.close)

    def _send(self, post: ClearedPost) -> Receipt:
        try:
            answer = self._client.create_tweet(text=post.text, user_auth=True)
            return _receipt(answer.data["id"])
        except tweepy.TwitterServerError as error:
            raise Unsure(f"X answered {error.response.status_code}; it may have taken the post.") from error
        except tweepy.HTTPException as error:
            raise self._answered(error, post) from error
        except requests.RequestException as error:
            if _never_sent(error):
                raise NotNow(f"X cannot be reached ({_cause(error)}).", timedelta(minutes=1)) from error
            raise Unsure(f"The connection to X broke before the answer came ({_cause(error)}).") from error
        except (KeyError, TypeError, ValueError) as error:  # a 2xx answer that is no post
            raise Unsure("X answered, but not with the id of a post.") from error

    def _answered(self, error: tweepy.HTTPException, post: ClearedPost) -> Exception:
        """What a refusal of X's means for this post."""
        if isinstance(error, tweepy.TooManyRequests):
            return NotNow("X's rate limit is used up.", _reset(error.response, self._clock()))
        sentence = _reason(error)
        if error.response.status_code == 402:  # pay per use: the account's credits are spent
            return NotNow(f"X asks for payment: {sentence}", timedelta(hours=1))
        if isinstance(error, tweepy.Forbidden) and "duplicate" in sentence.lower() and post.attempts > 1:
            return Unsure(f"X says it has this text already, perhaps from an earlier try: {sentence}")
        return Refused(f"X refused the post: {sentence}")

    def _find(self, post: Outgoing) -> list[Receipt]:
        wanted = comparable(post.text)
        pages = self._asked(
            lambda: list(
                tweepy.Paginator(
                    self._client.get_users_tweets,
                    self._me()["id"],
                    start_time=post.created_at - CLOCK_SKEW,
                    max_results=100,
                    user_auth=True,
                    limit=PAGES,
                )
            )
        )
        return [_receipt(tweet.id) for page in pages for tweet in page.data or () if comparable(tweet.text) == wanted]

    def _me(self) -> Any:
        return self._asked(lambda: self._client.get_me(user_auth=True).data)

    def _asked(self, question: Callable[[], Any]) -> Any:
        """The answer to a question that changes nothing, so that asking again is always safe."""
        try:
            return question()
        except tweepy.TooManyRequests as error:
            raise NotNow("X's rate limit is used up.", _reset(error.response, self._clock())) from error
        except tweepy.TwitterServerError as error:
            raise NotNow(f"X answered {error.response.status_code}.", timedelta(minutes=1)) from error
        except tweepy.HTTPException as error:
            raise Refused(f"X does not let us read the account: {_reason(error)}") from error
        except requests.RequestException as error:
            raise NotNow(f"X cannot be reached ({_cause(error)}).", timedelta(minutes=1)) from error


def comparable(text: str) -> str:
    """A text as X may give it back: entities escaped, links shortened to t.co, spaces and accents normalised."""
    unescaped = unicodedata.normalize("NFC", html.unescape(text))
    return " ".join(LINK.sub("<link>", unescaped).split())


def _receipt(remote_id: Any) -> Receipt:
    return Receipt(remote_id=str(remote_id), url=f"https://x.com/i/web/status/{remote_id}")


def _reason(error: tweepy.HTTPException) -> str:
    """X's own sentence, from whichever field it chose (problem details, a list of errors, or the bare status)."""
    try:
        body = error.response.json()
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    said = [body.get("detail"), *(each.get("message") for each in body.get("errors") or ()), body.get("title")]
    sentence = next((str(part) for part in said if part), str(error.response.reason))
    return f"{sentence.rstrip('.')} ({error.response.status_code})."


def _reset(response: requests.Response, now: datetime) -> timedelta:
    """How long until the limit opens; the daily ones count where they are the empty ones. At least five seconds."""
    named = ["x-rate-limit"] + [
        f"x-{who}-limit-24hour"
        for who in ("user", "app")
        if response.headers.get(f"x-{who}-limit-24hour-remaining") == "0"
    ]
    resets = [value for name in named if (value := response.headers.get(f"{name}-reset", "")).isdigit()]
    if not resets:
        return timedelta(minutes=15)  # the length of X's usual window
    return max(datetime.fromtimestamp(max(map(int, resets)), UTC) - now, timedelta(seconds=5))


def _never_sent(error: requests.RequestException) -> bool:
    """Whether the connection was never made, so that nothing can have arrived."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(error, requests.ConnectionError) and isinstance(getattr(cause, "reason", cause), NEVER_SENT)


def _cause(error: requests.RequestException) -> str:
    return "time-out" if isinstance(error, requests.Timeout) else "connection lost"
