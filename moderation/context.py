"""Where a text stands: what the policy, the filters and those who ask the gate all need to know."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Context:
    """Where a text is going and where it came from."""

    platform: str = "console"  # "discord", "x", "mastodon", "bluesky", "webhook", "console"
    channel: str | None = None  # a platform's own id of the place, where it has several
    server: str | None = None  # Discord guild id, for per-server word lists
    nsfw: bool = False  # the platform marks the channel as adult
    role: str = "text"  # "text" for what the model wrote, "prompt" for what a person asked
