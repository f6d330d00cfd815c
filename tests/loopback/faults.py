"""How a server is told to misbehave, once."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request that would have made a post."""

    accept: bool  # the post is made all the same; only the answer suffers
    status: int | None = None  # answer with this; None cuts the connection instead
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    stall: float = 0.0  # seconds to wait before answering or cutting


class Faults:
    """A queue of faults; each request that would make a post uses up one."""

    def __init__(self) -> None:
        self._queue: deque[Fault] = deque()
        self.stalled = asyncio.Event()  # set once a request waits in a stall

    def add(self, *faults: Fault) -> None:
        """Misbehave so at the coming requests, in this order."""
        self._queue.extend(faults)

    def next(self) -> Fault | None:
        """The fault for this request, if one waits."""
        return self._queue.popleft() if self._queue else None

    async def play(self, fault: Fault, request: web.Request) -> web.Response:
        """Answer as the fault says."""
        if fault.stall:
            self.stalled.set()
            await asyncio.sleep(fault.stall)
        if fault.status is None:
            if request.transport is not None:
                request.transport.abort()
            raise asyncio.CancelledError  # nobody is left to answer
        return web.json_response(fault.body, status=fault.status, headers=fault.headers)
