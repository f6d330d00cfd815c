"""``/confess [prompt] [about]``: an answer in private, the post in the channel.

The command is deferred at once, since Discord waits three seconds and a text may take longer. The post does not go
through the interaction, which dies after fifteen minutes, but through the publisher, like every other post.
"""

import logging
from collections.abc import Callable
from contextlib import suppress

import discord
from discord import app_commands
from discord.app_commands import Range

from bot.compose import Ask, Composer
from bot.discord import wording
from bot.discord.client import ConfessClient
from generation.errors import GenerationError, GenerationTimeout, GeneratorBusy

log = logging.getLogger(__name__)

PROMPT = 200  # characters
TOPIC = 60


def add_confess(
    client: ConfessClient,
    composer: Composer,
    *,
    wake: Callable[[], None] = lambda: None,
    cooldown: float = 0.0,
    channel_id: int | None = None,
) -> None:
    """Give a client the command.

    Args:
        wake: called when a post is ready to go.
        cooldown: seconds between two commands of one person.
        channel_id: where posts go; the channel of the command when None.
    """

    def pace(interaction: discord.Interaction) -> app_commands.Cooldown | None:
        return app_commands.Cooldown(1, cooldown) if cooldown > 0 else None

    @client.tree.command(description="Let the machine confess something")
    @app_commands.describe(prompt="The confession begins with these words", about="What it is about")
    @app_commands.guild_only()
    @app_commands.checks.dynamic_cooldown(pace)
    async def confess(
        interaction: discord.Interaction,
        prompt: Range[str, 1, PROMPT] | None = None,
        about: Range[str, 1, TOPIC] | None = None,
    ) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        said = await _confess(interaction, prompt or "", about)
        await interaction.edit_original_response(content=said)

    async def _confess(interaction: discord.Interaction, prompt: str, about: str | None) -> str:
        place = channel_id or interaction.channel_id
        if place is None:
            return wording.BROKEN
        if place == interaction.channel_id and not interaction.app_permissions.send_messages:
            return wording.CANNOT_WRITE.format(place=f"<#{place}>")
        ask = Ask(
            platform="discord",
            who=f"discord:{interaction.user.id}",
            channel=str(place),
            server=str(interaction.guild_id),
            nsfw=_adult(client.get_channel(place) or interaction.channel),
            prompt=prompt,
            topic=about,
        )
        try:
            outcome = await composer.compose(ask)
        except GeneratorBusy:
            return wording.BUSY
        except GenerationTimeout:
            return wording.TOO_SLOW
        except GenerationError as error:
            log.error("/confess: %s", error, extra={"action": "confess"})
            return wording.BROKEN
        log.info("/confess: post %s is %s.", outcome.post_id, outcome.state, extra={"action": "confess"})
        wake()
        return wording.answer(outcome.state, place)

    @confess.error
    async def failed(interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
        if isinstance(error, app_commands.CommandOnCooldown):
            said = wording.cooldown(error.retry_after)
        else:
            log.error("/confess broke.", exc_info=error, extra={"action": "confess"})
            said = wording.BROKEN
        with suppress(discord.HTTPException):  # the interaction itself may be what is gone
            if interaction.response.is_done():
                await interaction.edit_original_response(content=said)
            else:
                await interaction.response.send_message(said, ephemeral=True)


def _adult(channel: object) -> bool:
    """Whether the channel, or the one a thread hangs in, is marked as adult."""
    return isinstance(channel, discord.TextChannel | discord.Thread | discord.VoiceChannel) and channel.is_nsfw()
