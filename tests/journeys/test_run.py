"""``confess run`` as a process of its own, with a real adapter: it answers on Discord, runs alone, stops when asked."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.discord import wording
from generation.adapter import Adapter, save_card
from moderation.echo import EchoIndex
from storage import posts
from storage.db import Database
from storage.lifecycle import State
from storage.models import Post
from tests.loopback.discord_server import DiscordServer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path, adapter: Adapter) -> Path:
    """A folder to run in: a record and a trained adapter."""
    folder = tmp_path / "adapters" / adapter.name
    shutil.copytree(adapter.folder, folder)
    EchoIndex.build(["I have never told anybody that I cannot swim."], folder / "echo")
    save_card(folder, adapter.card)
    Database.upgrade(f"sqlite:///{tmp_path / 'confess.db'}")
    return tmp_path


async def confess(home: Path, discord: DiscordServer, **settings: str) -> asyncio.subprocess.Process:
    """Start ``confess run`` in a folder."""
    environment = {key: value for key, value in os.environ.items() if "__" not in key} | {
        "PYTHONPATH": str(ROOT),
        "DISCORD__TOKEN": discord.token,
        "DISCORD__API_BASE": discord.api_base,
        "DISCORD__GATEWAY_URL": discord.gateway_url,
        "DISCORD__GUILD_IDS": discord.guild["id"],
        "DISCORD__REVIEW_CHANNEL_ID": discord.review_channel,
        "DISCORD__REVIEWER_ROLE_ID": discord.reviewer_role["id"],
        "ENGINE__THREADS": "1",
        "SHELF__ENABLED": "false",
        "COMPOSE__CANDIDATES": "1",
        **settings,
    }
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "run", cwd=home, env=environment, stderr=asyncio.subprocess.PIPE
    )


@asynccontextmanager
async def running(home: Path, discord: DiscordServer) -> AsyncIterator[asyncio.subprocess.Process]:
    """A bot that is on Discord; killed if it still runs in the end."""
    process = await confess(home, discord)
    try:
        await discord.bot_is_here(60)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def said(process: asyncio.subprocess.Process) -> str:
    """What a process told before it ended."""
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    return " ".join(errors.decode().split())


def newest(home: Path) -> Post:
    database = Database.open(f"sqlite:///{home / 'confess.db'}")
    with database.reading() as session:
        post = posts.find(session, limit=1)[0]
    database.close()
    return post


async def test_it_answers_runs_alone_and_stops_gently(home: Path, discord: DiscordServer) -> None:
    (home / "adapters" / "test" / "stale.json").write_text('{"at": "2026-01-05T00:00:00+00:00", "rows": 2}')
    async with running(home, discord) as process:
        asked = await discord.command("confess", {"prompt": "I once"}, user=discord.people["ada"])
        await asked.acknowledged()
        answer = await asked.answered(60)
        place = f"<#{discord.channel}>"
        became = {
            wording.POSTED.format(place=place): {State.APPROVED, State.SENDING, State.PUBLISHED},
            wording.HELD.format(place=place): {State.HELD},
            wording.NOT_THIS_ONE: {State.BLOCKED},
        }
        assert answer in became
        post = newest(home)
        assert post.state in became[answer]
        assert post.text.startswith("I once")

        added = await discord.command("words add", {"word": "crumpet", "tier": "block"}, user=discord.people["mod"])
        assert await added.answered() == "“crumpet” is blocked on this server from now on."
        assert 'word = "crumpet"' in (home / "words.toml").read_text()

        second = await confess(home, discord)
        told = await said(second)
        assert second.returncode == 1
        assert "Another confess run" in told and "already works on" in told
        assert "Traceback" not in told

        process.send_signal(signal.SIGINT)
        told = await said(process)
        assert process.returncode == 0
        assert "Stopped." in told and "Traceback" not in told
        assert told.count("the adapter test has learned were taken back on 2026-01-05") == 1
    if post.state is not State.HELD and post.state is not State.BLOCKED:
        assert discord.said(discord.channel)


async def test_a_token_that_discord_refuses_is_one_sentence(home: Path, discord: DiscordServer) -> None:
    other = discord.token.replace("A", "B")
    process = await confess(home, discord, DISCORD__TOKEN=other)
    told = await said(process)
    assert process.returncode == 1
    assert "Discord does not take the token" in told
    assert other not in told and "Traceback" not in told


async def test_without_discord_and_a_schedule_it_says_that_nobody_can_ask(home: Path, discord: DiscordServer) -> None:
    process = await confess(home, discord, DISCORD__TOKEN="")
    assert process.stderr is not None
    told = (await asyncio.wait_for(process.stderr.readuntil(b"Running."), 60)).decode()
    process.send_signal(signal.SIGINT)
    assert "Stopped." in await said(process)
    assert process.returncode == 0
    assert "Nobody can ask for a post: Discord is off (set DISCORD__TOKEN)" in " ".join(told.split())
