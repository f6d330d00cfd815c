"""A Discord channel, through the running client's own HTTP connection.

Each message carries its post's key as ``nonce`` with ``enforce_nonce`` (discord.py sends it), so that Discord itself
gives back the first message instead of making a second one for some minutes; later the channel's history is read.
https://docs.discord.com/developers/resources/message#create-message
"""

from collections.abc import Sequence
from datetime import timedelta

import aiohttp
import discord

from bot.platforms.base import NotNow, Receipt, Refused, Unsure
from bot.platforms.discord_text import LIMIT, neutralise
from storage.posts import ClearedPost, Outgoing

CLOCK_SKEW = timedelta(minutes=2)  # how far our clock may be ahead of Discord's
HISTORY = 1000  # messages that are looked through, newest first


class DiscordChannel:
    """Sends to the post's own channel, or to the default one."""

    def __init__(self, client: discord.Client, *, default_channel: int | None = None, name: str = "discord") -> None:
        self.name = name
        self._client = client
        self._default = default_channel

    async def send(self, post: ClearedPost) -> Receipt:
        """Send the text, made harmless, without pings and previews."""
        channel = self._channel(post)
        content = neutralise(post.text)
        if len(content) > LIMIT:
            raise Refused(f"Discord takes {LIMIT} characters; this post has {len(content)}.")
        try:
            message = await channel.send(
                content, nonce=post.key, allowed_mentions=discord.AllowedMentions.none(), suppress_embeds=True
            )
        except discord.DiscordServerError as error:
            raise Unsure(f"Discord answered {error.status}; it may have taken the post.") from error
        except (discord.HTTPException, discord.RateLimited, aiohttp.ClientConnectorError) as error:
            raise _nothing_sent(error, "Discord refused the post") from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unsure("The connection to Discord broke before the answer came.") from error
        return _receipt(message, post)

    async def find(self, post: Outgoing) -> Sequence[Receipt]:
        """Look for the text among our own messages in the channel since the post was born."""
        channel, wanted = self._channel(post), neutralise(post.text).strip()
        since = post.created_at - CLOCK_SKEW
        me = self._client.user.id if self._client.user is not None else None
        found: list[Receipt] = []
        seen = 0
        try:
            async for message in channel.history(limit=HISTORY):
                if message.created_at < since:
                    return found
                seen += 1
                if message.author.id == me and message.content.strip() == wanted:
                    found.append(_receipt(message, post))
        except (discord.HTTPException, discord.RateLimited) as error:
            raise _nothing_sent(error, "Discord does not let us read the channel") from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise NotNow("Discord cannot be reached.", timedelta(minutes=1)) from error
        if not found and seen == HISTORY:
            raise Unsure(f"More than {HISTORY} messages have come to the channel since.")
        return found

    async def close(self) -> None:
        """The client belongs to whoever runs it."""

    def _channel(self, post: Outgoing) -> discord.PartialMessageable:
        if self._client.user is None or self._client.is_closed():
            raise NotNow("Discord is not connected.", timedelta(seconds=5))
        name = post.channel or self._default
        if name is None:
            raise Refused("No Discord channel is named: set DISCORD__CHANNEL_ID.")
        try:
            return self._client.get_partial_messageable(int(name))
        except ValueError:
            raise Refused(f"{name!r} is not the number of a Discord channel.") from None


def _nothing_sent(error: Exception, what: str) -> NotNow | Refused:
    """An answer, or a missing connection, that proves that no message was made."""
    if isinstance(error, discord.RateLimited):
        return NotNow("Discord's rate limit is used up.", timedelta(seconds=error.retry_after))
    if isinstance(error, discord.HTTPException):
        if error.status == 429:
            return NotNow("Discord's rate limit is used up.", timedelta(minutes=1))
        if error.status >= 500:
            return NotNow(f"Discord answered {error.status}.", timedelta(minutes=1))
        return Refused(f"{what}: {error.text.rstrip('.') or 'no reason given'} ({error.status}).")
    return NotNow("Discord cannot be reached.", timedelta(seconds=30))


def _receipt(message: discord.Message, post: Outgoing) -> Receipt:
    """The message's address names the server, which the message itself does not when it is sent by channel number."""
    place = f"{post.server or '@me'}/{message.channel.id}/{message.id}"
    return Receipt(remote_id=str(message.id), url=f"https://discord.com/channels/{place}")
