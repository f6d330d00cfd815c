"""The life of a post: how it may begin and where it may go.

judged allow ─► shelved ─take─► approved ─claim─► sending ─► published ─► withdrawn
judged allow ─────────────────► approved            ├─ refused ─► failed
judged hold  ─► held ─ yes ───► approved ◄─ later ──┤
                 ├ no ──► rejected                  └─ unsure ─► uncertain ─► published | approved | held
                 └ too old ► expired   (approved and shelved expire too)
judged block ─► blocked (final)
"""

from enum import StrEnum


class State(StrEnum):
    """Where a post stands."""

    SHELVED = "shelved"  # judged allow, kept for whoever asks next
    APPROVED = "approved"  # may be sent
    HELD = "held"  # a person must decide
    BLOCKED = "blocked"  # the gate said never
    REJECTED = "rejected"  # a person said no
    EXPIRED = "expired"  # nobody wanted it in time
    SENDING = "sending"  # on its way; the network may have been touched
    PUBLISHED = "published"  # the platform has it
    FAILED = "failed"  # the platform refused it for good
    UNCERTAIN = "uncertain"  # sent, and nobody knows whether it arrived
    WITHDRAWN = "withdrawn"  # was published, then taken back

    @property
    def final(self) -> bool:
        """Nothing happens to the post any more."""
        return not MOVES[self]


# The gate's decision → the states a new post may begin in. A text judged *allow* may still be held: X is, by default.
BIRTHS: dict[str, frozenset[State]] = {
    "allow": frozenset({State.SHELVED, State.APPROVED, State.HELD}),
    "hold": frozenset({State.HELD}),
    "block": frozenset({State.BLOCKED}),
}

# From → to. A shelved post is held or blocked when a new policy judges it so.
MOVES: dict[State, frozenset[State]] = {
    State.SHELVED: frozenset({State.APPROVED, State.HELD, State.BLOCKED, State.EXPIRED}),
    State.APPROVED: frozenset({State.SENDING, State.EXPIRED}),
    State.HELD: frozenset({State.APPROVED, State.REJECTED, State.EXPIRED}),
    State.SENDING: frozenset({State.PUBLISHED, State.APPROVED, State.FAILED, State.UNCERTAIN}),
    State.UNCERTAIN: frozenset({State.PUBLISHED, State.APPROVED, State.HELD}),
    State.PUBLISHED: frozenset({State.WITHDRAWN}),
    State.BLOCKED: frozenset(),
    State.REJECTED: frozenset(),
    State.EXPIRED: frozenset(),
    State.FAILED: frozenset(),
    State.WITHDRAWN: frozenset(),
}
