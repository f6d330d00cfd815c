"""How a long run tells what it is doing. It never prints: whoever called it draws."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Update:
    """One thing to show. Only what is known is filled in."""

    stage: str  # "read", "tokens", "base", "train", "check", "save"
    step: int = 0  # done so far in this stage
    total: int | None = None  # of how many; None when nobody knows
    loss: float | None = None  # training loss, nats a token, smoothed
    tokens_per_second: float | None = None  # real ones, padding not counted
    seconds_left: float | None = None
    note: str | None = None  # one sentence worth keeping on the screen
    sample: str | None = None  # a post the model has just written: untrusted text


Progress = Callable[[Update], None]


def silent(_update: Update) -> None:
    """Show nothing."""
