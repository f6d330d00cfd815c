"""The buttons under a held post, and the forms they open.

A button's ``custom_id`` carries the post's number and the version that the card shows, so that it works after a restart
of the bot, and so that nobody approves words that were changed after they read them.
"""

import re
from typing import Literal, Self, cast

import discord
from discord import ui

from bot.discord import wording
from bot.discord.client import ConfessClient
from bot.discord.desk import Desk, Press
from storage.lifecycle import State
from storage.models import Post

Act = Literal["approve", "edit", "reject"]

STYLES: dict[Act, discord.ButtonStyle] = {
    "approve": discord.ButtonStyle.success,
    "edit": discord.ButtonStyle.secondary,
    "reject": discord.ButtonStyle.danger,
}
TEMPLATE = re.compile(r"confess:(?P<act>approve|edit|reject):(?P<post>[0-9]{1,18}):(?P<version>[0-9]{1,9})")


class DecideButton(ui.DynamicItem[ui.Button[ui.View]], template=TEMPLATE):
    """One of the three buttons of a card."""

    def __init__(self, act: Act, post_id: int, version: int) -> None:
        custom_id = f"confess:{act}:{post_id}:{version}"
        super().__init__(ui.Button(label=act.capitalize(), style=STYLES[act], custom_id=custom_id))
        self.act: Act = act
        self.post_id = post_id
        self.version = version

    @classmethod
    async def from_custom_id(cls, interaction: Press, item: ui.Item[ui.View], match: re.Match[str]) -> Self:
        """The button that was pressed, made from what it carries."""
        return cls(cast(Act, match["act"]), int(match["post"]), int(match["version"]))

    async def interaction_check(self, interaction: Press) -> bool:
        """Whether the presser may decide; those who may not are told."""
        desk = _desk(interaction)
        if desk is None:
            await interaction.response.send_message(wording.GONE, ephemeral=True)
            return False
        if not desk.may_decide(interaction):
            await interaction.response.send_message(wording.NO_REVIEWER, ephemeral=True)
            return False
        return True

    async def callback(self, interaction: Press) -> None:
        """Approve at once; ask for a reason, or for the new words, in a form."""
        desk = _desk(interaction)
        assert desk is not None, "checked before"
        if self.act == "approve":
            await interaction.response.defer()
            await desk.approve(interaction, self.post_id, self.version)
        elif self.act == "reject":
            await interaction.response.send_modal(RejectForm(desk, self.post_id, self.version))
        else:
            text = await desk.text_of(self.post_id)
            await interaction.response.send_modal(EditForm(desk, self.post_id, self.version, text))


class RejectForm(ui.Modal):
    """Asks why."""

    def __init__(self, desk: Desk, post_id: int, version: int) -> None:
        super().__init__(title=f"Reject post {post_id}", timeout=900.0)
        self._desk, self._post_id, self._version = desk, post_id, version
        self.reason: ui.TextInput[ui.View] = ui.TextInput(label="Why? The gate is tuned by it.", max_length=300)
        self.add_item(self.reason)

    async def on_submit(self, interaction: Press) -> None:
        """Reject with the reason."""
        await interaction.response.defer()
        await self._desk.reject(interaction, self._post_id, self._version, self.reason.value)


class EditForm(ui.Modal):
    """Asks for better words."""

    def __init__(self, desk: Desk, post_id: int, version: int, text: str) -> None:
        super().__init__(title=f"Edit post {post_id}", timeout=900.0)
        self._desk, self._post_id, self._version = desk, post_id, version
        self.text: ui.TextInput[ui.View] = ui.TextInput(
            label="The post", style=discord.TextStyle.paragraph, default=text[:4000], max_length=4000
        )
        self.add_item(self.text)

    async def on_submit(self, interaction: Press) -> None:
        """Put the new words to the gate and into the card; approving is another press."""
        await interaction.response.defer()
        await self._desk.edit(interaction, self._post_id, self._version, self.text.value)


def _desk(interaction: Press) -> Desk | None:
    client = interaction.client
    return client.desk if isinstance(client, ConfessClient) else None


def buttons(post: Post) -> ui.View | None:
    """The card's buttons while there is something to decide."""
    if post.state is not State.HELD:
        return None
    view = ui.View(timeout=None)
    for act in STYLES:
        view.add_item(DecideButton(act, post.number, post.version))
    return view


def post_of(message: discord.Message) -> tuple[int, int] | None:
    """The post and version that a message is an open card of; None when it is none."""
    for row in message.components:
        for child in getattr(row, "children", ()):
            match = TEMPLATE.fullmatch(getattr(child, "custom_id", None) or "")
            if match:
                return int(match["post"]), int(match["version"])
    return None
