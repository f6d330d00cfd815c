"""A composer that answers as told, for tests of the ears and of the clock alone."""

from bot.compose import Ask, Composer, Outcome
from moderation.verdict import Decision, Verdict
from storage.db import Database
from storage.lifecycle import State
from tests.bot.rows import add_post

ALLOWED = Verdict(Decision.ALLOW)


class ScriptedComposer(Composer):
    """Writes one row a wish, in the state that is next in line (approved when the line is empty), or raises."""

    def __init__(self, database: Database, *endings: State | Exception | None) -> None:
        self.database = database
        self.endings = list(endings)
        self.asks: list[Ask] = []

    async def compose(self, ask: Ask) -> Outcome:
        """As told."""
        self.asks.append(ask)
        ending = self.endings.pop(0) if self.endings else State.APPROVED
        if isinstance(ending, Exception):
            raise ending
        if ending is None:
            return Outcome(None, ALLOWED)
        text = f"confession {len(self.asks)}"
        number = add_post(
            self.database,
            text,
            platform=ask.platform,
            state=ending,
            channel=ask.channel,
            server=ask.server,
            requester=ask.who,
            slot=ask.slot,
        )
        return Outcome(ending, ALLOWED, text=text, post_id=number)
