"""The review channel: a card for each held post, decided by button, kept true to the record.

The channel itself says which posts have a card: after a restart its history is read. Whoever decides elsewhere (the
terminal, the web page) closes the card here too.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
import discord

from bot.discord import wording
from bot.discord.cards import DecideButton, buttons, post_of
from bot.discord.client import ConfessClient
from bot.discord.desk import Press
from bot.discord.reviewers import Reviewers
from moderation import review
from moderation.context import Context
from moderation.errors import ReviewError
from moderation.gate import Gate
from storage import posts
from storage.db import Database
from storage.models import Post

log = logging.getLogger(__name__)

HISTORY = 300  # messages of the review channel that are read at start
OPEN = 50  # cards at a time, longest waiting first
TROUBLE = (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, OSError, TimeoutError)


@dataclass(slots=True)
class _Card:
    message: discord.PartialMessage
    version: int  # of the post that the card shows


class ReviewDesk:
    """Shows held posts in one channel and takes decisions there; a service of :mod:`bot.runner`."""

    def __init__(
        self,
        client: ConfessClient,
        database: Database,
        gate: Gate,
        *,
        channel_id: int,
        reviewers: Reviewers | None = None,
        wake: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        beat: float = 2.0,
    ) -> None:
        """``reviewers``: who may decide; whoever may manage messages when None. ``beat`` is in seconds."""
        self._client = client
        self._database = database
        self._gate = gate
        self._channel_id = channel_id
        self._reviewers = reviewers or Reviewers()
        self._wake = wake
        self._clock = clock
        self._beat = beat
        self._cards: dict[int, _Card] | None = None  # None: the channel has not been read yet
        self._closed: set[int] = set()  # decided by button since the present round began
        self._stopped = asyncio.Event()
        client.desk = self
        client.add_dynamic_items(DecideButton)

    async def run(self) -> None:
        """Keep the cards true until :meth:`stop`."""
        while not self._stopped.is_set():
            wait = self._beat
            try:
                await self.once()
            except TROUBLE as error:
                log.warning("The review channel: %s", error, extra={"action": "cards"})
                wait = 15 * self._beat
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), wait)

    def stop(self) -> None:
        """Show no further card; buttons work until the client hangs up."""
        self._stopped.set()

    async def once(self) -> None:
        """Show what is new, refresh what was changed, close what was decided elsewhere."""
        if self._client.user is None or self._client.is_closed():
            return
        if self._cards is None:
            self._cards = await self._read()
        self._closed.clear()
        held = {post.number: post for post in await asyncio.to_thread(review.queue, self._database, limit=OPEN)}
        for number, post in held.items():
            if number in self._closed:  # what we read of it is old
                continue
            if number not in self._cards:
                await self._show(post)
            elif self._cards[number].version < post.version:
                await self._refresh(post)
        for number in self._cards.keys() - held.keys():
            await self._refresh(await asyncio.to_thread(self._post, number))

    # What buttons and forms call.

    def may_decide(self, interaction: Press) -> bool:
        """Whether the person is a reviewer."""
        return self._reviewers.may_decide(interaction)

    async def approve(self, interaction: Press, post_id: int, version: int) -> None:
        """Let the post out, and wake the publisher."""
        await self._decide(
            interaction,
            lambda who: review.approve(
                self._database, post_id=post_id, who=who, why="", now=self._clock(), version=version
            ),
        )
        self._wake()

    async def reject(self, interaction: Press, post_id: int, version: int, reason: str) -> None:
        """Keep the post in."""
        await self._decide(
            interaction,
            lambda who: review.reject(
                self._database, post_id=post_id, who=who, why=reason, now=self._clock(), version=version
            ),
        )

    async def edit(self, interaction: Press, post_id: int, version: int, text: str) -> None:
        """Put new words in the place of the model's; the gate judges them first."""

        def change(who: str) -> Post:
            post = self._post(post_id)
            verdict = self._gate.judge(text, Context(post.platform, post.channel, post.server))
            return review.edit(
                self._database,
                post_id=post_id,
                text=text,
                verdict=verdict,
                who=who,
                why="",
                now=self._clock(),
                version=version,
            )

        await self._decide(interaction, change)

    async def text_of(self, post_id: int) -> str:
        """What the post says now."""
        return (await asyncio.to_thread(self._post, post_id)).text

    async def _decide(self, interaction: Press, act: Callable[[str], Post]) -> None:
        """Do it in a thread; the card shows the outcome, or the person hears privately why not."""
        who = f"discord:{interaction.user.id}"
        try:
            post = await asyncio.to_thread(act, who)
        except ReviewError as error:
            await interaction.followup.send(wording.with_names(str(error)), ephemeral=True)
            return
        about = {"action": "review", "post": post.number, "who": who, "to": post.state}
        log.info("Post %d is %s after a press of %s.", post.number, post.state, who, extra=about)
        await interaction.edit_original_response(embed=wording.card(post), view=buttons(post))
        self._note(post)

    # Cards.

    def _channel(self) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(self._channel_id)

    async def _read(self) -> dict[int, _Card]:
        """The open cards that stand in the channel."""
        assert self._client.user is not None
        cards: dict[int, _Card] = {}
        async for message in self._channel().history(limit=HISTORY):
            shown = post_of(message) if message.author.id == self._client.user.id else None
            if shown is not None and shown[0] not in cards:
                cards[shown[0]] = _Card(self._channel().get_partial_message(message.id), shown[1])
        return cards

    async def _show(self, post: Post) -> None:
        view = buttons(post)
        assert view is not None and self._cards is not None
        nonce = f"card-{post.number}-{post.version}"
        message = await self._channel().send(embed=wording.card(post), view=view, nonce=nonce)
        self._cards[post.number] = _Card(self._channel().get_partial_message(message.id), post.version)

    async def _refresh(self, post: Post) -> None:
        card = self._cards.get(post.number) if self._cards is not None else None
        if card is None:  # a button closed it while we were reading
            return
        try:
            await card.message.edit(embed=wording.card(post), view=buttons(post))
        except discord.NotFound:  # somebody deleted the card; a post that still waits gets a new one
            if self._cards is not None:
                self._cards.pop(post.number, None)
            return
        self._note(post)

    def _note(self, post: Post) -> None:
        """Remember what the card shows now; a closed one is forgotten."""
        still_open = buttons(post) is not None
        if not still_open:
            self._closed.add(post.number)
        if self._cards is None or post.number not in self._cards:
            return
        if still_open:
            self._cards[post.number].version = post.version
        else:
            del self._cards[post.number]

    def _post(self, post_id: int) -> Post:
        with self._database.reading() as session:
            return posts.get(session, post_id)
