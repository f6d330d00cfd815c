"""What every mouth is: it sends one cleared post, and can be asked afterwards whether the post is there.

The four ways a send may end, by what the publisher does about it:

Receipt                 the platform has it                          → published
PlatformError           any of the other three
├── Refused             the platform said no, and will again         → failed
├── NotNow              nothing was sent; try again later            → approved, not before …
└── Unsure              it may or may not have arrived               → uncertain, then reconciled
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, runtime_checkable

from storage.posts import ClearedPost, Outgoing


@dataclass(frozen=True, slots=True)
class Receipt:
    """The platform's own word for a post that is there."""

    remote_id: str
    url: str | None = None


class PlatformError(Exception):
    """A send or a look that brought no receipt; its text is one sentence for people."""


class Refused(PlatformError):
    """The platform will not take this post, now or later."""


class NotNow(PlatformError):
    """Nothing was sent. Asking again after ``retry_after`` is safe."""

    def __init__(self, sentence: str, retry_after: timedelta) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class Unsure(PlatformError):
    """Nobody can say yet whether the post arrived."""


@runtime_checkable
class Platform(Protocol):
    """A place where a cleared post goes. One object may serve many sends, one after another.

    ``send`` never tries twice by itself where the second try could make a second post.
    """

    name: str

    async def send(self, post: ClearedPost) -> Receipt:
        """Put the post there.

        Raises:
            Refused: final; the text carries the platform's own reason.
            NotNow: nothing was sent.
            Unsure: the answer was lost.
        """
        ...

    async def find(self, post: Outgoing) -> Sequence[Receipt]:
        """Look whether an earlier, unsure send of this post arrived.

        Returns:
            Everything there that may be this post, likeliest first; empty when it surely did not arrive.

        Raises:
            NotNow: the platform cannot be asked at the moment.
            Refused: the platform does not let us look.
            Unsure: this platform can never tell; a person must look.
        """
        ...

    async def close(self) -> None:
        """Give back connections. Safe to call twice."""
        ...
