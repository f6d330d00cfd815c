"""How long somebody waits for `/confess` from a full shelf: the real discord.py client against Discord on loopback.

Measured from the command to the private answer that the bot sends once the post is taken and approved, at 1, 20 and
200 people at the same moment, while the publisher sends the posts to the channel. Discord's side runs in the same
process and on the same event loop, so its work is counted too: the numbers are upper bounds. Baseline, in the same
run: a command of the same client that answers with constant words.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import discord

from benchmarks import report
from benchmarks.generate import make_adapter
from bot.compose import Composer
from bot.discord import wording
from bot.discord.client import ConfessClient, DiscordEar, point_at
from bot.discord.confess import add_confess
from bot.platforms.discord_channel import DiscordChannel
from bot.publish import Publisher
from bot.rank import DefaultRanker
from bot.runner import Runner
from bot.worker import GeneratorWorker
from generation.engines import open_generator
from generation.sampling import Sampling
from moderation.gate import default_gate
from storage import posts
from storage.db import Database
from storage.lifecycle import State
from storage.posts import Draft
from tests.loopback.discord_server import DiscordServer

CROWDS = (1, 20, 200)
Times = report.Times


def main() -> None:
    """Measure, print."""
    options = report.options(__doc__)
    rounds = {1: 20, 20: 4, 200: 1} if options.quick else {1: 200, 20: 25, 200: 5}
    result = report.Report(
        "shelf",
        options,
        baseline=f"a command with a constant answer, discord.py {discord.__version__}, the same run",
        runs=", ".join(f"{count} rounds of {crowd}" for crowd, count in rounds.items()),
    )
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(measure(result, rounds, Path(scratch)))
    result.finish()


async def measure(result: report.Report, rounds: dict[int, int], folder: Path) -> None:
    """All crowds, the baseline before each."""
    wishes = sum(crowd * count for crowd, count in rounds.items()) + 50
    rows = []
    async with DiscordServer() as server, bot(server, folder, wishes):
        people = list(server.people.values())
        for crowd, count in rounds.items():
            await ask(server, "constant", people[:crowd])  # warm
            await ask(server, "confess", people[:1])
            constant = [took for _ in range(count) for took in await ask(server, "constant", people[:crowd])]
            taken = [took for _ in range(count) for took in await ask(server, "confess", people[:crowd])]
            ours, bare = Times(tuple(taken)), Times(tuple(constant))
            result.measure(f"p50_ms_{crowd}", ours.p50, "ms")
            result.measure(f"p99_ms_{crowd}", ours.p99, "ms")
            result.measure(f"vs_constant_{crowd}", ours.p50 / bare.p50, "times")
            rows.append((crowd, ours.p50, ours.p99, bare.p50, bare.p99))
    result.table("ms, command to answer", ["at once", "p50", "p99", "constant p50", "constant p99"], rows)


async def ask(server: DiscordServer, command: str, people: list[Any]) -> list[float]:
    """Everybody types at the same moment; milliseconds until each has words."""

    async def one(person: Any) -> float:
        start = time.perf_counter()
        interaction = await server.command(command, user=person)
        said = await interaction.answered(60)
        assert said == ("constant" if command == "constant" else wording.POSTED.format(place=f"<#{server.channel}>")), (
            said
        )
        return (interaction.answered_at - start) * 1000

    return await asyncio.gather(*(one(person) for person in people))


@asynccontextmanager
async def bot(server: DiscordServer, folder: Path, stock: int) -> AsyncIterator[None]:
    """A bot with a full shelf, on Discord."""
    for number in range(max(CROWDS)):
        server.add_person(f"person {number}")
    adapter = make_adapter("nib", folder)
    url = f"sqlite:///{folder / 'confess.db'}"
    Database.upgrade(url)
    database, gate = Database.open(url), default_gate()
    point_at(server.api_base, server.gateway_url)
    client = ConfessClient(guild_ids=[int(server.guild["id"])])

    @client.tree.command(description="Constant words")
    async def constant(interaction: discord.Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await interaction.edit_original_response(content="constant")

    platform = DiscordChannel(client)
    async with GeneratorWorker(lambda: open_generator(adapter)) as worker:
        composer = Composer(
            database=database,
            worker=worker,
            gate=gate,
            ranker=DefaultRanker(),
            draw_seed=lambda: 1,
            sampling=Sampling(),
        )
        fill(database, worker.identity.adapter_hash, gate.policy.hash, stock)
        publisher = Publisher(database, {"discord": platform})
        add_confess(client, composer, wake=publisher.wake)
        runner = Runner(database, [publisher, DiscordEar(client, token=server.token)])
        running = asyncio.create_task(runner.run())
        try:
            await server.bot_is_here()
            await asyncio.sleep(0.5)  # let it settle
            yield
        finally:
            runner.stop()
            await asyncio.wait_for(running, 60)
            await platform.close()
    gate.close()
    database.close()


def fill(database: Database, adapter_hash: str, policy: str, stock: int) -> None:
    """Put posts on the shelf, as the background loop would have."""
    now = datetime.now(UTC)
    for first in range(0, stock, 500):
        with database.session() as session:
            for number in range(first, min(stock, first + 500)):
                draft = Draft(
                    text=f"I have hidden {number} spoons in the garden shed since spring.",
                    platform="discord",
                    seed=number,
                    adapter="nib",
                    adapter_hash=adapter_hash,
                    base="nib",
                    base_hash="",
                    engine="ctranslate2",
                    engine_version="",
                    tokens=12,
                    decision="allow",
                    policy=policy,
                    verdict={"decision": "allow"},
                    expires_at=now + timedelta(hours=72),
                )
                posts.create(session, draft=draft, state=State.SHELVED, who="shelf", why="benchmark", now=now)


if __name__ == "__main__":
    main()
