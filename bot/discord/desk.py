"""What the buttons of a card ask of the desk behind them, so that client, cards and desk need not know each other."""

from typing import Any, Protocol

import discord

Press = discord.Interaction[Any]  # discord.py's own methods leave the client's type open


class Desk(Protocol):
    """Decides on held posts; :class:`bot.discord.review.ReviewDesk` is one."""

    def may_decide(self, interaction: Press) -> bool:
        """Whether this person may decide."""
        ...

    async def approve(self, interaction: Press, post_id: int, version: int) -> None:
        """Let the post out."""
        ...

    async def reject(self, interaction: Press, post_id: int, version: int, reason: str) -> None:
        """Keep the post in."""
        ...

    async def edit(self, interaction: Press, post_id: int, version: int, text: str) -> None:
        """Put new words in the place of the model's."""
        ...

    async def text_of(self, post_id: int) -> str:
        """What the post says now."""
        ...
