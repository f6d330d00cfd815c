"""``confess generate``, also ``confess say``: write posts, judge them, put them on record, show them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:  # for a command's help nothing heavy is loaded
    from bot.compose import Ask, Outcome
    from bot.settings import Settings

BATCH = 64  # texts between two steps of the progress bar; each batch is on record before the next begins


def generate(
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=100_000, help="How many posts.")] = 1,
    prompt: Annotated[str, typer.Option(help="Each post begins with this.")] = "",
    about: Annotated[str | None, typer.Option(help="Each post is about this.")] = None,
    platform: Annotated[
        str, typer.Option(help="Where they are meant to go; it decides what fits and how strictly they are judged.")
    ] = "console",
    seed: Annotated[int | None, typer.Option(min=0, help="Of the first post; the next has the next one.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Boldness; 0 always takes the likeliest word.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Draw from the likeliest words with this share.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Draw from this many words at most; 0 for all.")] = None,
    repetition_penalty: Annotated[float | None, typer.Option(help="Above 1 discourages repeating words.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="A post that has not ended by then is thrown away.")] = None,
    adapter: Annotated[str | None, typer.Option(help="Which voice: a name from `confess adapters`.")] = None,
    engine: Annotated[str | None, typer.Option(help="What runs it: ctranslate2, transformers or openai.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table, one object a line.")] = False,
) -> None:
    """Write posts and show what the gate says of each. All of them are on record, the blocked ones too."""
    import asyncio

    from bot.cli.console import console, errors, plain
    from bot.cli.record import terminal_user
    from bot.compose import Ask
    from bot.settings import load_settings
    from generation.adapter import find_adapter
    from generation.fit import LIMITS

    if platform not in LIMITS:
        raise typer.BadParameter(f"there is no platform {platform!r}: {', '.join(LIMITS)}", param_hint="--platform")
    sampling = {
        "temperature": temperature,
        "top_p": top_p,
        "top_k": top_k,
        "repetition_penalty": repetition_penalty,
        "max_tokens": max_tokens,
    }
    settings = _settings(load_settings(), adapter, engine, {name: v for name, v in sampling.items() if v is not None})
    stale = find_adapter(settings.adapters.folder, settings.adapters.name).stale
    if stale:
        errors.print(plain(stale, "yellow"))
    ask = Ask(platform=platform, who=terminal_user(), prompt=prompt, topic=about, seed=seed)
    outcomes = asyncio.run(_write(settings, ask, count))
    if as_json:
        for outcome in outcomes:
            console.out(json.dumps(_plain(outcome), ensure_ascii=False), highlight=False)
        return
    from bot.cli.tables import outcome_table

    console.print(outcome_table(outcomes))
    if any(outcome.state == "approved" for outcome in outcomes):
        errors.print("Approved posts go out with 'confess run'; 'confess posts' shows the record.", style="dim")


def _settings(
    settings: "Settings", adapter: str | None, engine: str | None, sampling: dict[str, float | int]
) -> "Settings":
    """The settings with what was asked for on the command line."""
    from dataclasses import replace

    from generation.engines import ENGINES

    changes: dict[str, Any] = {}
    if adapter is not None:
        # A name under the adapters' folder, or any folder: joining an absolute path gives that path.
        changes["adapters"] = settings.adapters.model_copy(update={"name": _name(adapter)})
    if engine is not None:
        if engine not in (*ENGINES, "auto"):
            raise typer.BadParameter(f"there is no engine {engine!r}: {', '.join(ENGINES)}", param_hint="--engine")
        changes["engine"] = settings.engine.model_copy(update={"name": engine})
    try:
        changes["sampling"] = replace(settings.sampling, **sampling)  # type: ignore[arg-type]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return settings.model_copy(update=changes)


def _name(adapter: str) -> str:
    return str(Path(adapter).resolve()) if "/" in adapter else adapter


async def _write(settings: "Settings", ask: "Ask", count: int) -> "list[Outcome]":
    from dataclasses import replace

    from rich.progress import track

    from bot.cli.console import errors
    from bot.compose import SEEDS
    from bot.wiring import open_composer

    outcomes: list[Outcome] = []
    async with open_composer(settings) as composer:
        import random

        first = random.randrange(SEEDS) if ask.seed is None else ask.seed
        steps = range(0, count, BATCH)
        for done in track(steps, "Writing…", console=errors, transient=True, disable=len(steps) < 2):
            outcomes += await composer.write(replace(ask, seed=first + done), min(BATCH, count - done))
            if outcomes[-1].state is None:  # the wish itself was turned away
                break
    return outcomes


def _plain(outcome: "Outcome") -> dict[str, Any]:
    return {
        "post": outcome.post_id,
        "text": outcome.text,
        "state": outcome.state,
        "decision": outcome.verdict.decision,
        "reasons": outcome.verdict.reasons,
    }
