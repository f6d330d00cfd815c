"""What the templates show of a post. Everything here is plain text; the templates escape it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from bot.ago import ago
from moderation.verdict import Finding, Verdict
from storage.models import Event, Post


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a text, and the severest decision on it."""

    text: str
    decision: str  # "", "allow", "hold", "block"


@dataclass(frozen=True, slots=True)
class PostView:
    """One post, as a reviewer sees it."""

    post: Post
    segments: list[Segment]
    findings: list[Finding]
    place: str
    age: str
    looking: str  # who else is looking; empty when nobody is


def view(post: Post, now: datetime, who: str = "") -> PostView:
    """A post with its marks, for the person ``who``."""
    findings = [finding for finding in Verdict.from_json(post.verdict).findings if not finding.shadow]
    leased = post.lease_until is not None and post.lease_until > now and post.lease_by != who
    return PostView(
        post=post,
        segments=segments(post.text, findings),
        findings=findings,
        place=" ".join(part for part in (post.platform, post.server, post.channel) if part),
        age=ago(post.created_at, now),
        looking=(post.lease_by or "") if leased else "",
    )


def segments(text: str, findings: Sequence[Finding]) -> list[Segment]:
    """The text cut where the gate's remarks begin and end; their texts together are the text."""
    marks = [""] * len(text)
    for finding in sorted(findings, key=lambda each: each.decision.severity):
        if finding.span is not None:
            for place in range(max(0, finding.span.start), min(finding.span.end, len(text))):
                marks[place] = finding.decision.value
    return [
        Segment("".join(char for char, _ in stretch), decision)
        for decision, stretch in groupby(zip(text, marks, strict=True), key=lambda pair: pair[1])
    ]


def step(event: Event) -> str:
    """What an event did, in words."""
    if event.from_state is None:
        return f"born {event.to_state}"
    if event.from_state is event.to_state:
        return f"changed, still {event.to_state}"
    return f"{event.from_state} → {event.to_state}"
