"""Parts that journeys share."""

from collections.abc import AsyncIterator, Callable

import pytest

from moderation.gate import Gate, default_gate
from storage.db import Database
from tests.journeys.house import House
from tests.loopback.discord_server import DiscordServer
from tests.loopback.x_server import XServer

Build = Callable[..., House]


@pytest.fixture(scope="session")
def gate() -> Gate:
    """The gate as it ships."""
    return default_gate()


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    """Discord on loopback."""
    async with DiscordServer() as server:
        yield server


@pytest.fixture
async def x() -> AsyncIterator[XServer]:
    """X on loopback."""
    async with XServer() as server:
        yield server


@pytest.fixture
def build(sqlite_db: Database, gate: Gate, discord: DiscordServer, x: XServer) -> Build:
    """Builds a house whose voice says the given lines."""

    def built(*lines: str, **options: object) -> House:
        return House(sqlite_db, gate, discord, x, lines, **options)  # type: ignore[arg-type]

    return built
