"""Questions that arrive while one is being answered go together in the next group."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from bot.together import Together


async def test_a_crowd_waits_for_two_groups_and_everybody_gets_his_own_answer() -> None:
    groups: list[list[int]] = []
    go = threading.Event()

    def double(numbers: Sequence[int]) -> list[int]:
        groups.append(list(numbers))
        go.wait(5)
        return [2 * number for number in numbers]

    together = Together(double)
    asked = [asyncio.create_task(together.ask(0))]
    while not groups:
        await asyncio.sleep(0.001)
    asked += [asyncio.create_task(together.ask(number)) for number in range(1, 20)]
    await asyncio.sleep(0.01)
    go.set()
    assert await asyncio.gather(*asked) == [2 * number for number in range(20)]
    assert groups == [[0], list(range(1, 20))]
    assert await together.ask(50) == 100  # and again after a rest


async def test_a_group_has_a_largest_size() -> None:
    sizes: list[int] = []

    def count(items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        return list(items)

    together = Together(count, most=4)
    assert await asyncio.gather(*(together.ask(number) for number in range(10))) == list(range(10))
    assert max(sizes) <= 4


async def test_an_error_reaches_all_of_the_group_and_the_next_is_served() -> None:
    def picky(items: Sequence[int]) -> list[int]:
        if 0 in items:
            raise ValueError("no zero")
        return list(items)

    together = Together(picky)
    results = await asyncio.gather(together.ask(0), together.ask(1), return_exceptions=True)
    assert all(isinstance(result, ValueError) for result in results)
    assert await together.ask(2) == 2


async def test_somebody_who_goes_away_does_not_disturb_the_others() -> None:
    together: Together[int, int] = Together(lambda items: list(items))
    going, staying = asyncio.create_task(together.ask(1)), asyncio.create_task(together.ask(2))
    await asyncio.sleep(0)
    going.cancel()
    assert await staying == 2
    with pytest.raises(asyncio.CancelledError):
        await going
