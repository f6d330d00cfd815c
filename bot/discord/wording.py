"""Every sentence that people on Discord get to read from us, in one place."""

import re
from datetime import datetime

import discord

from bot.platforms.discord_text import neutralise
from bot.visible import one_line
from moderation.errors import WordRefused
from moderation.verdict import Verdict
from moderation.words import OwnList, Word
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
NOT_EVERYWHERE = "You decide for this server only; words for all of them are the business of those who run me."
ONLY_STRICTER = "You can block and hold words on this server; letting words through is up to those who run me."
ONLY_PLAIN = "Only plain words and phrases here: no star at either end, and nothing between slashes."
EMPTY_LIST = "The list is empty. `/words add` begins it."
LONG_LIST = "The list is long, so here it is as a file."
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


def word_added(word: Word) -> str:
    """That a word counts now, and where."""
    place = "on this server" if word.servers else "everywhere"
    does = {"block": "is blocked", "hold": "is held for a person", "allow": "is let through"}[word.tier]
    return f"“{_shown(word.word)}” {does} {place} from now on."


def word_removed(word: Word) -> str:
    """That a word counts no more, and where."""
    return f"“{_shown(word.word)}” is off the list {'of this server' if word.servers else 'for everywhere'}."


def not_listed(word: str) -> str:
    """That there is no such word to take out."""
    return f"“{_shown(word)}” is not on your list. `/words list` shows what is."


def refused(error: WordRefused) -> str:
    """What is wrong with a word."""
    return _shown(str(error))


def word_list(own: OwnList) -> str:
    """The list for a message: markdown and mentions of the words are made plain."""
    lines = [f"• **{word.tier}** {_shown(word.word)}{_history(word)}" for word in own.words]
    lines += [f"• ~~{_shown(word.word)}~~ ({word.tier}), taken out{_history(word)}" for word in own.removed]
    return "\n".join(lines) or EMPTY_LIST


def word_file(own: OwnList) -> str:
    """The list as a plain text file, a line a word."""
    rows = [("", word) for word in own.words] + [("removed ", word) for word in own.removed]
    return "".join(
        f"{state}{word.tier}\t{one_line(word.word)}\t{'this server' if word.servers else 'everywhere'}\t"
        f"{one_line(word.by)}\t{f'{word.at:%Y-%m-%d %H:%M}' if word.at else ''}\t{one_line(word.why)}\n"
        for state, word in rows
    )


def _history(word: Word) -> str:
    """Where it counts, who did it, when and why."""
    told = ["" if word.servers else " (everywhere)"]
    if word.by:
        told.append(f" by {with_names(_shown(word.by))}")
    if word.at is not None:
        told.append(f" {_when(word.at)}")
    if word.why:
        told.append(f": {_shown(word.why)}")
    return "".join(told)


def _shown(text: str) -> str:
    return neutralise(one_line(text))


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
