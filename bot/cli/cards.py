"""Stored posts for people: a table of many, and a card of one. All text in them is hostile until made plain."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bot.ago import ago
from bot.cli.console import plain
from moderation.verdict import Decision, Finding, Verdict
from storage.lifecycle import State
from storage.models import Event, Post

COLOURS = {
    State.SHELVED: "cyan",
    State.APPROVED: "green",
    State.HELD: "yellow",
    State.BLOCKED: "red",
    State.REJECTED: "red",
    State.SENDING: "blue",
    State.PUBLISHED: "bold green",
    State.UNCERTAIN: "magenta",
    State.FAILED: "bold red",
}
MARKED = {Decision.BLOCK: "bold red reverse", Decision.HOLD: "yellow reverse", Decision.ALLOW: "green"}


def posts_table(rows: Iterable[Post], now: datetime) -> Table:
    """Many posts, a line or a few each."""
    table = Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1))
    table.add_column("post", justify="right", style="dim", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("for", no_wrap=True)
    table.add_column("text", ratio=5)
    table.add_column("why", ratio=3)
    table.add_column("age", justify="right", no_wrap=True)
    for post in rows:
        table.add_row(
            str(post.id), state_text(post.state), plain(post.platform), plain(post.text), _why(post, now),
            ago(post.created_at, now),
        )  # fmt: skip
    return table


def state_text(state: State) -> Text:
    """A state in its colour."""
    return Text(state.value, style=COLOURS.get(state, "dim"))


def _why(post: Post, now: datetime) -> Text:
    if post.lease_until is not None and post.lease_until > now:
        return plain(f"{post.lease_by} is looking at it", "italic")
    if post.remote_url:
        return plain(post.remote_url, "dim")
    if post.decided_by:
        return plain(f"decided by {post.decided_by}", "dim")
    return plain("\n".join(_verdict(post).reasons[:2]), "dim")


def review_card(post: Post, now: datetime, because: str | None = None) -> Panel:
    """What a reviewer needs to decide: the text with what was found in it marked, and why it waits.

    Args:
        because: why it is held now, when it was something else before (``posts.held_because``).
    """
    verdict = _verdict(post)
    parts: list[RenderableType] = [marked(post.text, verdict.findings), Text()]
    if because is not None:
        parts.append(plain(f"• {because}", "bold magenta"))
    parts += [plain(f"• {_remark(finding)}") for finding in verdict.findings if not finding.shadow]
    if not verdict.findings and because is None:
        parts.append(Text("• The gate found nothing; a person decides here all the same.", style="dim"))
    if post.original_text is not None:
        parts += [Text(), plain(f"The model wrote: {post.original_text}", "dim")]
    asked = f" · asked by {post.requester}" if post.requester else ""
    prompt = f" · prompt: {post.prompt}" if post.prompt else ""
    parts += [Text(), plain(f"{_place(post)}{asked}{prompt} · waiting for {ago(post.created_at, now)}", "dim")]
    return Panel(Group(*parts), title=f"post {post.id}", title_align="left", border_style="yellow", padding=(1, 2))


def record_card(post: Post, told: Sequence[Event]) -> RenderableType:
    """Everything that is known of one post."""
    verdict = _verdict(post)
    return Group(
        Panel(
            marked(post.text, verdict.findings),
            title=Text.assemble(f"post {post.id} · ", state_text(post.state)),
            title_align="left",
            padding=(1, 2),
        ),
        _facts(_made(post)),
        Text("\nVerdict", style="bold"),
        _facts({"decision": f"{verdict.decision} under policy {verdict.policy or '–'}"}),
        _findings(verdict),
        Text("\nWhat happened", style="bold"),
        _history(told),
    )


def marked(text: str, findings: Sequence[Finding]) -> Text:
    """A text with the places that the gate remarked on, the severest colour on top."""
    shown = plain(text)
    for finding in sorted(findings, key=lambda each: each.decision.severity):
        if finding.span is not None and not finding.shadow:
            shown.stylize(MARKED[finding.decision], finding.span.start, finding.span.end)
    return shown


def _made(post: Post) -> dict[str, str]:
    sampling = ", ".join(f"{name} {value}" for name, value in post.sampling.items())
    logprob = "" if post.logprob is None else f", log-probability {post.logprob:.2f}"
    facts = {
        "the model wrote": post.original_text or "",
        "for": _place(post),
        "asked by": post.requester or "",
        "planned for": post.slot or "",
        "prompt": post.prompt,
        "topic": post.topic or "",
        "seed": str(post.seed),
        "sampling": sampling,
        "length": f"{post.tokens} tokens{logprob}",
        "adapter": f"{post.adapter} ({post.adapter_hash})",
        "base": f"{post.base} ({post.base_hash})",
        "engine": f"{post.engine} {post.engine_version}",
        "decided by": f"{post.decided_by} at {post.decided_at:%Y-%m-%d %H:%M:%S} UTC" if post.decided_by else "",
        "published": f"{post.published_at:%Y-%m-%d %H:%M:%S} UTC" if post.published_at else "",
        "there": " ".join(part for part in (post.remote_id, post.remote_url) if part),
        "expires": f"{post.expires_at:%Y-%m-%d %H:%M:%S} UTC" if post.expires_at else "",
    }
    return {name: fact for name, fact in facts.items() if fact}


def _facts(facts: dict[str, str]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for name, fact in facts.items():
        grid.add_row(name, plain(fact))
    return grid


def _findings(verdict: Verdict) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    for name in ("filter", "category", "decision", "score", "reason"):
        table.add_column(name)
    for finding in verdict.findings:
        decision = f"{finding.decision} (shadow)" if finding.shadow else finding.decision.value
        score = "" if finding.score is None else f"{finding.score:.2f}"
        if finding.score is not None and finding.threshold is not None:
            score += f" of {finding.threshold:.2f}"
        table.add_row(plain(finding.filter), plain(finding.category), decision, score, plain(finding.reason))
    for run in verdict.runs:
        failed = "" if run.error is None else f"failed: {run.error}"
        ran = f"{failed} ran in {run.milliseconds:.2f} ms".strip()
        table.add_row(plain(run.filter), "", "", "", plain(f"version {run.version}, {ran}", "dim"))
    return table


def _history(told: Sequence[Event]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    for name in ("when (UTC)", "who", "what", "why"):
        table.add_column(name)
    for event in told:
        if event.from_state is None:
            what = f"born {event.to_state}"
        elif event.from_state is event.to_state:
            what = f"changed, still {event.to_state}"
        else:
            what = f"{event.from_state} → {event.to_state}"
        table.add_row(f"{event.at:%Y-%m-%d %H:%M:%S}", plain(event.who), what, plain(event.why))
    return table


def _remark(finding: Finding) -> str:
    score = "" if finding.score is None else f" ({finding.score:.2f})"
    return f"{finding.reason}{score} [{finding.filter}: {finding.category}]"


def _place(post: Post) -> str:
    return " ".join(part for part in (post.platform, post.server, post.channel) if part)


def _verdict(post: Post) -> Verdict:
    return Verdict.from_json(post.verdict)
