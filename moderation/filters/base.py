"""What every filter is: a name, a version, and one question asked of a text."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from moderation.normalise import Normalised
from moderation.verdict import Finding


@dataclass(frozen=True, slots=True)
class Context:
    """Where a text is going and where it came from."""

    platform: str = "console"  # "discord", "x", "mastodon", "bluesky", "webhook", "console"
    channel: str | None = None  # a platform's own id of the place, where it has several
    server: str | None = None  # Discord guild id, for per-server word lists
    nsfw: bool = False  # the platform marks the channel as adult
    role: str = "text"  # "text" for what the model wrote, "prompt" for what a person asked


@runtime_checkable
class Filter(Protocol):
    """One question asked of a text. Pure: same text, same answer; no I/O after construction.

    A filter names categories and scores; the *decision* inside each finding comes from the policy, which the
    gate applies afterwards. A filter that raises holds the text (the gate sees to it).
    """

    name: str
    version: str

    def judge(self, text: Normalised, context: Context) -> list[Finding]:
        """What this filter has to say of the text; an empty list when nothing."""
        ...
