"""``/words``: reviewers see and edit the word list of their server. Every answer is private.

Words of a server count on that server alone. Whoever may manage messages on a server that invited the bot can make it
stricter there, word by word; patterns cost every server time, milder rules and rules for all are the owner's business.
These are for reviewers who speak for all (:meth:`bot.discord.reviewers.Reviewers.speak_for_all`): they can approve any
post by hand as it is.
"""

import asyncio
import logging
from contextlib import suppress
from io import BytesIO
from typing import Literal

import discord
from discord import app_commands
from discord.app_commands import Choice, Range

from bot.discord import wording
from bot.discord.client import ConfessClient
from bot.discord.desk import Press
from bot.discord.reviewers import Reviewers
from bot.visible import one_line
from bot.wordbook import Wordbook
from moderation.errors import WordlistError, WordRefused
from moderation.words import OwnList, Word

log = logging.getLogger(__name__)

MOST = 300  # entries of one server
LENGTH = 100  # characters of a word, and of a note
CHOICES = 25  # Discord shows no more
MESSAGE = 1900  # characters; a longer list comes as a file


def add_words(client: ConfessClient, wordbook: Wordbook, reviewers: Reviewers) -> None:
    """Give a client the commands."""
    client.tree.add_command(WordCommands(wordbook, reviewers))


class WordCommands(app_commands.Group):
    """``/words add``, ``/words remove``, ``/words list``."""

    def __init__(self, wordbook: Wordbook, reviewers: Reviewers) -> None:
        # Discord hides the commands from all who may not manage messages; a role it does not know of.
        shown_to = discord.Permissions(manage_messages=True) if reviewers.role_id is None else None
        super().__init__(
            name="words",
            description="Words that are blocked, held or let through",
            guild_only=True,
            default_permissions=shown_to,
        )
        self._wordbook = wordbook
        self._reviewers = reviewers

    async def interaction_check(self, interaction: Press) -> bool:
        """Whether the person is a reviewer; others are told."""
        if self._reviewers.may_decide(interaction):
            return True
        await interaction.response.send_message(wording.NO_REVIEWER, ephemeral=True)
        return False

    @app_commands.command(description="Put a word on the list")
    @app_commands.describe(
        word="A word or phrase, whole and in any spelling",
        tier="block: never post it. hold: a person looks first. allow: let it through",
        why="A note for those who come after you",
        everywhere="On every server and platform, not on this server alone",
    )
    async def add(
        self,
        interaction: Press,
        word: Range[str, 1, LENGTH],
        tier: Literal["block", "hold", "allow"],
        why: Range[str, 1, LENGTH] | None = None,
        everywhere: bool = False,
    ) -> None:
        """Put a word on the list of this server, or of all."""
        here = str(interaction.guild_id)
        entry = Word(word.strip(), tier, servers=() if everywhere else (here,), why=(why or "").strip())
        refused = None if self._reviewers.speak_for_all(interaction) else _not_yours(entry)
        if refused is not None:
            await interaction.response.send_message(refused, ephemeral=True)
            return
        await interaction.response.defer(ephemeral=True, thinking=True)
        who = f"discord:{interaction.user.id}"
        await asyncio.to_thread(self._wordbook.add, entry, who=who, most=None if everywhere else MOST)
        log.info("/words: %s has put in a word (%s).", who, tier, extra={"action": "word-added", "who": who})
        await interaction.edit_original_response(content=wording.word_added(entry))

    @app_commands.command(description="Take a word off the list")
    @app_commands.describe(word="The word; those on the list are offered as you type")
    async def remove(self, interaction: Press, word: Range[str, 1, 200]) -> None:
        """Take a word off the list of this server, or of all."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        own = await asyncio.to_thread(self._wordbook.read)
        entry = _meant(self._theirs(interaction, own.words), word.strip())
        if entry is None:
            await interaction.edit_original_response(content=wording.not_listed(word))
            return
        who = f"discord:{interaction.user.id}"
        await asyncio.to_thread(self._wordbook.remove, entry, who=who)
        log.info("/words: %s has taken out a word.", who, extra={"action": "word-removed", "who": who})
        await interaction.edit_original_response(content=wording.word_removed(entry))

    @remove.autocomplete("word")
    async def offer(self, interaction: Press, typed: str) -> list[Choice[str]]:
        """Entries that hold what was typed so far; nothing for those who may not see the list."""
        if not self._reviewers.may_decide(interaction):
            return []
        try:
            own = await asyncio.to_thread(self._wordbook.read)
        except WordlistError:  # the command itself will tell
            return []
        typed = typed.strip().casefold()
        found = [word for word in self._theirs(interaction, own.words) if typed in word.word.casefold()]
        return [Choice(name=_offered(word), value=word.mark) for word in found[:CHOICES]]

    @app_commands.command(name="list", description="Show the list: words, who put them in, and when")
    @app_commands.describe(removed="Show what was taken out as well")
    async def show(self, interaction: Press, removed: bool = False) -> None:
        """The list of this server; with that of all, for those who speak for all."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        own = await asyncio.to_thread(self._wordbook.read)
        seen = OwnList(self._theirs(interaction, own.words), self._theirs(interaction, own.removed) if removed else ())
        told = wording.word_list(seen)
        if len(told) <= MESSAGE:
            await interaction.edit_original_response(content=told)
            return
        file = discord.File(BytesIO(wording.word_file(seen).encode()), "words.txt")
        await interaction.edit_original_response(content=wording.LONG_LIST, attachments=[file])

    async def on_error(self, interaction: Press, error: app_commands.AppCommandError) -> None:
        """Say what is wrong with a word; tell the log of everything else."""
        if isinstance(error, app_commands.CheckFailure):  # told already
            return
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        if isinstance(cause, WordRefused):
            said = wording.refused(cause)
        else:
            said = wording.BROKEN
            known = isinstance(cause, WordlistError)
            log.error("/words: %s", cause, exc_info=None if known else cause, extra={"action": "words"})
        with suppress(discord.HTTPException):  # the interaction itself may be what is gone
            if interaction.response.is_done():
                await interaction.edit_original_response(content=said)
            else:
                await interaction.response.send_message(said, ephemeral=True)

    def _theirs(self, interaction: Press, listed: tuple[Word, ...]) -> tuple[Word, ...]:
        """The entries that this person may see and take out: their server's own, and for some those of all."""
        places = [(str(interaction.guild_id),)]
        everybodys = self._reviewers.speak_for_all(interaction)
        return tuple(word for word in listed if word.servers in places or (everybodys and not word.servers))


def _not_yours(entry: Word) -> str | None:
    """Why somebody who speaks for their own server only may not put this in; None when they may."""
    if not entry.servers:
        return wording.NOT_EVERYWHERE
    if entry.tier == "allow":
        return wording.ONLY_STRICTER
    return wording.ONLY_PLAIN if entry.is_pattern else None


def _meant(listed: tuple[Word, ...], typed: str) -> Word | None:
    """The entry that was chosen from those offered, or typed; this server's own before that of all."""
    chosen = [word for word in listed if word.mark == typed]
    spelled = sorted((word for word in listed if word.word == typed), key=lambda word: not word.servers)
    return next(iter(chosen + spelled), None)


def _offered(word: Word) -> str:
    name = f"{word.tier}: {one_line(word.word)}" + ("" if word.servers else " (everywhere)")
    return name if len(name) <= LENGTH else f"{name[: LENGTH - 1]}…"
