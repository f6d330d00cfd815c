"""Calls that arrive while one is under way go together in the next one.

A commit on disk takes milliseconds, and SQLite lets writers in one at a time: twenty people who each take a post with
a transaction of their own wait for twenty commits. Together they wait for two (group commit).
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Together(Generic[Item, Answer]):
    """Gathers single questions for a blocking function that answers many at once."""

    def __init__(self, answer_all: Callable[[Sequence[Item]], Sequence[Answer]], *, most: int = 64) -> None:
        """``answer_all`` runs in a thread and gives one answer for each question, in order; ``most`` go at once."""
        self._answer_all = answer_all
        self._most = most
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._work: asyncio.Task[None] | None = None

    async def ask(self, item: Item) -> Answer:
        """The answer to one question; an error of the function reaches all that went together."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._answer_waiting())
        return await future

    async def _answer_waiting(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            try:
                answers = await asyncio.to_thread(self._answer_all, [item for item, _ in group])
            except Exception as error:  # noqa: BLE001  (handed on to all who asked)
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), answer in zip(group, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
