"""A publisher in a process of its own, to be killed: ``python -m tests.bot.publish_child DATABASE_URL X_BASE``."""

import asyncio
import sys
from datetime import timedelta

from bot.platforms.x import XPlatform
from bot.publish import Publisher
from storage.db import Database
from tests.loopback.x_server import Keys


async def publish(url: str, base: str) -> None:
    """Publish until killed."""
    keys = Keys()
    x = XPlatform(
        api_key=keys.api_key,
        api_secret=keys.api_secret,
        access_token=keys.access_token,
        access_secret=keys.access_secret,
        base=base,
    )
    await Publisher(Database.open(url), {"x": x}, poll=0.05, settle=timedelta(0)).run()


if __name__ == "__main__":
    asyncio.run(publish(*sys.argv[1:]))
