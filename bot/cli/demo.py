"""``confess demo``: the whole chain on the bundled model and corpus, in one folder of its own."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bot.settings import Settings
    from generation.adapter import Adapter

HOME = Path("demo")
VOICE = "confessions"
BATCH = 40  # texts written and judged at once
SHOWN = 10
TURNED = 4  # of those, at most so many that the gate did not let through
SEED = 7
WHO = "demo"


def demo(
    fresh: Annotated[bool, typer.Option("--fresh", help="Throw the earlier demo away and start over.")] = False,
    folder: Annotated[Path, typer.Option("--folder", help="Where the demo lives.")] = HOME,
) -> None:
    """Teach the bundled model a voice, screen what it says, publish what is allowed: the whole chain."""
    from bot.cli.console import console
    from bot.settings import load_settings
    from storage.db import Database

    _enter(folder, fresh=fresh)
    settings = load_settings()
    Database.upgrade(settings.database.url.get_secret_value())

    console.rule("[bold]1. Teach it a voice[/]", align="left")
    adapter = _teach(settings)
    loss = adapter.card.metrics
    console.print(
        f"Held-out loss: [bold]{loss['before']['loss']:.2f}[/] nats a token before, "
        f"[bold green]{loss['after']['loss']:.2f}[/] after."
    )
    console.rule("[bold]2. Let it speak, and screen what it says[/]", align="left")
    _speak(settings)
    console.rule("[bold]3. Publish what is allowed[/]", align="left")
    held = _publish(settings)
    console.rule("[bold]4. Your turn[/]", align="left")
    _next(folder, held)


def _enter(folder: Path, *, fresh: bool) -> None:
    """Stand in the demo's folder; with ``fresh``, throw away what an earlier demo made there, and nothing else."""
    import shutil

    from bot.settings import TOML

    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    mark = "# The demo's settings"  # what the demo made begins with this; nothing else is ever thrown away
    if fresh and any(Path().iterdir()):
        if not Path(TOML).is_file() or not Path(TOML).read_text("utf-8").startswith(mark):
            raise typer.BadParameter(f"{folder} was not made by the demo, so it is left alone", param_hint="--fresh")
        for made in (*Path().glob("confess.db*"), Path(TOML)):
            made.unlink(missing_ok=True)
        shutil.rmtree("adapters", ignore_errors=True)
    if not Path(TOML).exists():
        Path(TOML).write_text(f"{mark}: the defaults. See .env.example for all there are.\n", "utf-8")


def _teach(settings: "Settings") -> "Adapter":
    """The demo's adapter; trained now unless it is there."""
    from importlib.resources import as_file, files

    from bot.cli.console import console
    from bot.cli.training import Show
    from finetune.recipe import Recipe
    from finetune.run import finetune
    from generation.adapter import open_adapter
    from generation.errors import AdapterIncomplete, AdapterNotFound

    try:
        adapter = open_adapter(settings.adapters.folder / VOICE)
    except (AdapterNotFound, AdapterIncomplete):
        with as_file(files("finetune") / "corpora" / "confessions.csv") as corpus, Show() as show:
            consent = "Written for this project; CC0."
            root = settings.adapters.folder
            return finetune(corpus, Recipe.load("default"), root, name=VOICE, progress=show.update, consent=consent)
    console.print(f"The adapter [bold]{VOICE}[/] is there already, of {adapter.card.created_at:%d %B %Y, %H:%M}.")
    return adapter


def _speak(settings: "Settings") -> None:
    """Ten posts with their verdicts; written now unless they are on record."""
    import asyncio
    from dataclasses import replace

    from bot.cli.console import console
    from bot.cli.tables import outcome_table
    from bot.compose import Ask, Outcome, outcome_of
    from bot.wiring import open_composer, open_database
    from storage import posts
    from storage.lifecycle import State

    ask = Ask(platform="console", who=WHO)
    with open_database(settings) as database, database.reading() as session:
        counts = posts.counts(session, platform="console")
        standing = posts.find(session, platform="console", states=set(State) - {State.SHELVED}, limit=SHOWN)
    if standing:
        console.print(f"{sum(counts.values())} posts are on record already, among them these:")
        console.print(outcome_table(outcome_of(post) for post in reversed(standing)))
        return

    async def write() -> list[Outcome]:
        async with open_composer(settings) as composer:
            batch = await composer.write(replace(ask, seed=SEED), BATCH, allowed=State.SHELVED)
            turned = [each for each in batch if each.state is not State.SHELVED][:TURNED]
            return turned + [await composer.compose(ask) for _ in range(SHOWN - len(turned))]

    with console.status(f"Writing and judging {BATCH} posts…"):
        outcomes = asyncio.run(write())
    console.print(outcome_table(sorted(outcomes, key=lambda each: each.post_id or 0)))
    console.print(f"[dim]Ten of {BATCH}; the other allowed ones wait on the shelf, and all of them are on record.[/]")


def _publish(settings: "Settings") -> int:
    """Print every approved post once; how many are left in the queue."""
    import asyncio

    from bot.cli.console import console
    from bot.platforms.console import ConsolePlatform
    from bot.publish import Publisher
    from bot.wiring import open_database
    from storage import posts
    from storage.lifecycle import State
    from storage.single import only_runner

    with open_database(settings) as database:
        with only_runner(database, "the demo"):
            publisher = Publisher(database, {"console": ConsolePlatform()})

            async def drain() -> int:
                await publisher.recover()
                return await publisher.publish_once()

            sent = asyncio.run(drain())
        with database.reading() as session:
            counts = posts.counts(session, platform="console")
    published, held = counts[State.PUBLISHED], counts[State.HELD]
    console.print(
        f"\n{sent} published now, {published} in all; {held} held for a person; {counts[State.BLOCKED]} blocked."
    )
    return held


def _next(folder: Path, held: int) -> None:
    """What to type."""
    import shutil
    import sys

    from bot.cli.console import console

    prefix = "" if shutil.which("confess") else f"source {Path(sys.executable).parent}/activate && "
    console.print(f"[bold]{prefix}cd {folder}[/]")
    for command, about in {
        "confess review": f"decide on {held} held post{'s' if held != 1 else ''}",
        "confess say --count 5": "hear more, each with its verdict",
        "confess run": "run the bot here; `confess init` sets up Discord and X",
    }.items():
        console.print(f"[bold]{command:<24}[/][dim]{about}[/]")
