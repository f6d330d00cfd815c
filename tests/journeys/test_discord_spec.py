"""Discord's own description of its API holds for what we send, and for what the loopback server answers."""

import asyncio

import pytest

from storage.lifecycle import State
from tests.journeys.conftest import Build
from tests.journeys.house import House
from tests.loopback.discord_spec import PLACE, DiscordSpec

RUDE = "I told my boss to fuck off in a dream, and then at work."


async def everything(house: House) -> None:
    """A trip past every kind of request: commands, card, refused press, edit, reject, approve, message, history."""
    discord = house.discord
    mod = discord.people["mod"]
    numbers = []
    for act in ("Edit", "Reject"):
        asked = await discord.command("confess", {"prompt": "Well,"}, user=discord.people["ada"])
        await asked.answered()
        numbers.append(house.newest().number)
        card = await house.card(numbers[-1])
        refused = await discord.press(card, "Approve", user=discord.people["ada"])
        await refused.answered()
        opened = await discord.press(card, act, user=mod)
        await opened.acknowledged()
        await discord.interactions.submit(opened, ["Well, I was rude at work."])
    edited, rejected = numbers
    await house.reached(rejected, State.REJECTED)
    async with asyncio.timeout(10):
        while (await house.card(edited))["embeds"][0]["description"] != "Well, I was rude at work.":
            await asyncio.sleep(0.02)
    await discord.press(await house.card(edited), "Approve", user=mod)
    await house.reached(edited, State.PUBLISHED)
    added = await discord.command("words add", {"word": "crumpet", "tier": "hold"}, user=mod)
    await added.answered()
    typing = await discord.command("words remove", {"word": "crum"}, user=mod, typing="word")
    [choice] = await typing.choices()
    removed = await discord.command("words remove", {"word": choice["value"]}, user=mod)
    await removed.answered()
    listed = await discord.command("words list", {"removed": True}, user=mod)
    await listed.answered()


@pytest.mark.skipif(not PLACE.exists(), reason="Discord's OpenAPI description is not at hand")
async def test_both_sides_speak_discords_own_language(build: Build) -> None:
    house = build(RUDE)
    async with house.open():
        await everything(house)
    spec, discord = DiscordSpec(), house.discord
    requests = {
        f"{method} {path}: {body}": spec.wrong_request(method, path, body) for method, path, body in discord.requests
    }
    assert {what: wrong for what, wrong in requests.items() if wrong} == {}
    answers = {
        f"{method} {path} {status}": spec.wrong_answer(method, path, status, body)
        for method, path, status, body in discord.answers
    }
    assert {what: wrong for what, wrong in answers.items() if wrong} == {}
    kinds = {(method, path.split("/")[1]) for method, path, _ in discord.requests}
    assert {("POST", "channels"), ("GET", "channels"), ("POST", "interactions"), ("PATCH", "webhooks")} <= kinds
