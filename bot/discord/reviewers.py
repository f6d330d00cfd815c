"""Who may decide on Discord, and who of them for more than the server they stand in."""

from dataclasses import dataclass

import discord

from bot.discord.desk import Press


@dataclass(frozen=True, slots=True)
class Reviewers:
    """Those who have the reviewers' role, or may manage messages when no role is named."""

    role_id: int | None = None
    channel_id: int | None = None  # the review channel

    def may_decide(self, interaction: Press) -> bool:
        """Whether the person has the role, or may manage messages where there is none."""
        member = interaction.user
        if not isinstance(member, discord.Member):
            return False
        if self.role_id is None:
            return interaction.permissions.manage_messages
        return member.get_role(self.role_id) is not None

    def speak_for_all(self, interaction: Press) -> bool:
        """Whether a reviewer's word counts beyond their server, and may make the gate milder.

        Anybody can invite a bot, and then has *Manage Messages* on their own server. Those who are meant to decide
        have the role, which belongs to one server, or stand in the server of the review channel.
        """
        if not self.may_decide(interaction):
            return False
        if self.role_id is not None:
            return True
        channel = interaction.client.get_channel(self.channel_id) if self.channel_id is not None else None
        guild: discord.Guild | None = getattr(channel, "guild", None)
        return guild is not None and guild.id == interaction.guild_id
