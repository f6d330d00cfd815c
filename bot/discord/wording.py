"""Every sentence that people on Discord get to read from us, in one place."""

import re
from datetime import datetime

import discord

from bot.platforms.discord_text import neutralise
from moderation.verdict import Verdict
from storage.lifecycle import State
from storage.models import Post

POSTED = "Done: it appears in {place} in a moment."
HELD = "A person will look at it first. If they say yes, it appears in {place}."
NOT_THIS_ONE = "Not this one. Please ask for another."
NOT_THIS_WISH = "I would rather not begin like that. Please ask for something else."
BUSY = "Too many people are asking at once. Please try again in a minute."
TOO_SLOW = "I could not find the words in time. Please try again."
COOLDOWN = "One at a time: please wait {seconds} more seconds."
CANNOT_WRITE = "I may not write in {place}. Please ask a moderator to allow me to send messages there."
BROKEN = "Something went wrong on my side. The person who runs me can see what in the log."

NO_REVIEWER = "Only reviewers decide here."
GONE = "This card belongs to no post any more."
PERSON = re.compile(r"\bdiscord:(\d+)\b")
COLOURS = {State.HELD: discord.Colour.gold(), State.REJECTED: discord.Colour.red()}
REASONS = 6  # on one card; the record has them all
FIELD = 1000  # characters; Discord takes 1,024


def answer(state: State | None, channel: int) -> str:
    """What the person who asked is told of what became of it."""
    place = f"<#{channel}>"
    told = {State.APPROVED: POSTED.format(place=place), State.HELD: HELD.format(place=place), None: NOT_THIS_WISH}
    return told.get(state, NOT_THIS_ONE)


def cooldown(wait: float) -> str:
    """How long to wait yet; whole seconds, at least one."""
    return COOLDOWN.format(seconds=max(1, round(wait)))


def with_names(sentence: str) -> str:
    """A sentence of the record with people as Discord shows them."""
    return PERSON.sub(r"<@\1>", sentence)


def card(post: Post) -> discord.Embed:
    """A held or decided post for reviewers; the model's words are made harmless."""
    colour = COLOURS.get(post.state, discord.Colour.green())
    embed = discord.Embed(title=f"Post {post.id} for {post.platform}", description=neutralise(post.text), colour=colour)
    embed.add_field(name="Why it waits", value=_reasons(Verdict.from_json(post.verdict)), inline=False)
    if post.prompt:
        embed.add_field(name="It had to begin with", value=_short(neutralise(post.prompt)))
    if post.topic:
        embed.add_field(name="It had to be about", value=_short(neutralise(post.topic)))
    if post.requester:
        embed.add_field(name="Asked for by", value=_short(with_names(post.requester)))
    if post.original_text is not None:
        embed.add_field(name="Before it was edited", value=_short(neutralise(post.original_text)), inline=False)
    if post.state is not State.HELD:
        embed.add_field(name="Decision", value=decision(post), inline=False)
    embed.set_footer(text=f"{post.adapter} · seed {post.seed} · {post.created_at:%Y-%m-%d %H:%M} UTC")
    return embed


def decision(post: Post) -> str:
    """What was decided, by whom, and when."""
    became = str(post.state) if post.state in {State.REJECTED, State.EXPIRED} else "approved"
    if post.decided_by is None or post.decided_at is None:
        return f"It is {post.state}; nobody had to decide."
    return f"{became.capitalize()} by {with_names(post.decided_by)} {_when(post.decided_at)}."


def _reasons(verdict: Verdict) -> str:
    told = verdict.reasons[:REASONS] or ["The policy wants a person to look at each post here."]
    return _short("\n".join(f"• {neutralise(reason)}" for reason in told))


def _when(moment: datetime) -> str:
    return discord.utils.format_dt(moment, "R")


def _short(text: str) -> str:
    return text if len(text) <= FIELD else f"{text[: FIELD - 1]}…"
