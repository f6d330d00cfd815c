"""``confess screen``: what the gate says of a text, and of many."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from moderation.context import Context
    from moderation.gate import Gate
    from moderation.verdict import Finding, Verdict

_BATCH = 256  # lines judged at once when that many are waiting


def screen(
    text: Annotated[str | None, typer.Argument(help="The text to judge.")] = None,
    *,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help='Read {"text": …} lines from standard input, write one verdict a line.')
    ] = False,
    platform: Annotated[str, typer.Option(help="Judge as for this platform: console, discord, x, …")] = "console",
    channel: Annotated[str | None, typer.Option(help="Judge as for this channel of the platform.")] = None,
    server: Annotated[str | None, typer.Option(help="Judge as for this Discord server's word list.")] = None,
    nsfw: Annotated[bool, typer.Option("--nsfw", help="Judge as for an adult channel.")] = False,
    prompt: Annotated[bool, typer.Option("--prompt", help="Judge it as a wish somebody typed, not as a post.")] = False,
    policy: Annotated[Path | None, typer.Option(help="Judge by this policy file instead of confess.toml.")] = None,
) -> None:
    """Show which filters fire on TEXT, where, and by which score; or judge many with --jsonl."""
    if (text is None) is not jsonl:
        raise typer.BadParameter("give a text to judge, or --jsonl to read many from standard input")
    from bot.cli.gate_room import newest_adapter
    from bot.settings import load_settings
    from bot.wiring import open_gate
    from moderation.context import Context
    from moderation.policy import Policy

    settings = load_settings()
    if policy is not None:
        settings = settings.model_copy(update={"policy": Policy.read(policy)})
    gate = open_gate(settings, newest_adapter(settings))
    context = Context(platform, channel, server, nsfw, "prompt" if prompt else "text")
    try:
        if text is not None:
            _show(text, gate.judge(text, context))
        elif not _stream(gate, context):
            raise typer.Exit(1)
    finally:
        gate.close()


def _show(text: str, verdict: "Verdict") -> None:
    """The text with what was found marked in it, the findings, and the scores."""
    from rich import box
    from rich.table import Table

    from bot.cli.console import console, plain
    from bot.cli.tables import COLOURS, verdict_cell

    marked = plain(text)
    for finding in verdict.findings:
        if finding.span is not None and not finding.shadow:
            marked.stylize(f"bold reverse {COLOURS[finding.decision]}", finding.span.start, finding.span.end)
    console.print(marked)
    console.print(verdict_cell(verdict))
    if verdict.findings:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
        for heading in ("filter", "category", "decision", "score", "where", "why"):
            table.add_column(heading, overflow="fold")
        for finding in verdict.findings:
            decision = f"{finding.decision} (shadow)" if finding.shadow else finding.decision.value
            table.add_row(
                finding.filter, finding.category, decision, _score(finding), _where(finding), plain(finding.reason)
            )
        console.print(table)
    if verdict.scores:
        scores = "  ".join(f"{name} {score:.2f}" for name, score in verdict.scores.items())
        console.print(plain(f"scores    {scores}", "dim"))
    times = "  ".join(f"{run.filter} {run.milliseconds:.2f} ms" for run in verdict.runs)
    console.print(plain(f"filters   {times}\npolicy    {verdict.policy}", "dim"))
    for run in verdict.runs:
        if run.error:
            console.print(plain(f"{run.filter} failed: {run.error}", "red"))


def _score(finding: "Finding") -> str:
    if finding.score is None:
        return ""
    return f"{finding.score:.2f}" + (f" ≥ {finding.threshold:.2f}" if finding.threshold is not None else "")


def _where(finding: "Finding") -> str:
    return "" if finding.span is None else f"{finding.span.start}-{finding.span.end}"


def _stream(gate: "Gate", context: "Context") -> bool:
    """Judge what comes in on standard input, in order, as many at a time as wait there; whether all lines were good."""
    import json
    import sys

    good = True
    for lines in _waiting(sys.stdin.buffer):
        read = [_read(line, number) for number, line in lines]
        verdicts = iter(gate.judge_many([row["text"] for row in read if "error" not in row], context))
        for row in read:
            answer = row if "error" in row else _answer(row, next(verdicts))
            good = good and "error" not in row
            sys.stdout.write(json.dumps(answer, separators=(",", ":")) + "\n")
        sys.stdout.flush()
    return good


def _waiting(source: Iterable[bytes]) -> Iterator[list[tuple[int, bytes]]]:
    """Numbered lines as they come, in batches, without empty ones; never keeps a line waiting for the next."""
    from queue import Empty, Queue
    from threading import Thread

    queue: Queue[tuple[int, bytes] | None] = Queue(maxsize=4 * _BATCH)

    def fill() -> None:
        for number, line in enumerate(source, 1):
            if line.strip():
                queue.put((number, line))
        queue.put(None)

    Thread(target=fill, daemon=True).start()
    open_ = True
    while open_ and (first := queue.get()) is not None:
        batch = [first]
        while len(batch) < _BATCH:
            try:
                line = queue.get_nowait()
            except Empty:
                break
            if line is None:
                open_ = False
                break
            batch.append(line)
        yield batch


def _read(line: bytes, number: int) -> dict[str, Any]:
    """A line's object, or one that says what is wrong with it."""
    import json

    try:
        row = json.loads(line.decode())
    except UnicodeDecodeError:
        return {"line": number, "error": f"Line {number} is not UTF-8."}
    except (ValueError, RecursionError) as error:
        return {"line": number, "error": f"Line {number} is not JSON: {error}."}
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        return {"line": number, "error": f'Line {number} has no "text" that is a string.'}
    return {name: row[name] for name in ("id", "text") if name in row}


def _answer(row: dict[str, Any], verdict: "Verdict") -> dict[str, Any]:
    from moderation.policy import CLASSIFIED

    answer: dict[str, Any] = {"id": row["id"]} if "id" in row else {}
    answer["decision"] = verdict.decision.value
    answer["scores"] = {name: round(verdict.scores.get(name, 0.0), 4) for name in CLASSIFIED}
    answer["findings"] = [
        {
            "filter": finding.filter,
            "category": finding.category,
            "decision": finding.decision.value,
            "reason": finding.reason,
            "span": None if finding.span is None else [finding.span.start, finding.span.end],
            "score": finding.score,
            "threshold": finding.threshold,
            "shadow": finding.shadow,
        }
        for finding in verdict.findings
    ]
    answer["policy"] = verdict.policy
    return answer
