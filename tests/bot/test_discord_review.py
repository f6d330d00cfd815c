"""Cards and buttons through the real discord.py client: who may decide, who was first, what survives a restart."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from bot.discord import wording
from bot.discord.client import ConfessClient
from bot.discord.review import ReviewDesk
from bot.discord.reviewers import Reviewers
from moderation import review
from moderation.gate import Gate
from moderation.policy import Policy
from storage.db import Database
from storage.lifecycle import State
from storage.models import Post
from tests.bot.discord_client import signed_in
from tests.bot.rows import add_post, stored
from tests.loopback.discord_interactions import Interaction
from tests.loopback.discord_server import DiscordServer
from tests.loopback.discord_shapes import Payload
from tests.loopback.faults import Fault


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as running:
        yield running


@asynccontextmanager
async def at_the_desk(
    server: DiscordServer, database: Database, *, role: bool = True, desk_type: type[ReviewDesk] = ReviewDesk
) -> AsyncIterator[ReviewDesk]:
    """A signed-in client with a desk; the desk's rounds are made by hand."""
    desks: list[ReviewDesk] = []

    def prepare(client: ConfessClient) -> None:
        reviewers = Reviewers(int(server.reviewer_role["id"])) if role else None
        gate = Gate([], Policy.default())
        desks.append(desk_type(client, database, gate, channel_id=int(server.review_channel), reviewers=reviewers))

    async with signed_in(server, prepare):
        yield desks[0]


def card(server: DiscordServer, number: int = -1) -> Payload:
    return server.messages[server.review_channel][number]


def labels(message: Payload) -> list[str]:
    return [button["label"] for row in message["components"] for button in row["components"]]


def field(message: Payload, name: str) -> str:
    return next(str(each["value"]) for each in message["embeds"][0]["fields"] if each["name"] == name)


async def test_a_held_post_gets_one_card(server: DiscordServer, database: Database) -> None:
    number = add_post(
        database, "I *never* <@1>", state=State.HELD, requester="discord:77", prompt="I [never](x)", topic="trains"
    )
    add_post(database, "approved already")
    async with at_the_desk(server, database) as desk:
        await desk.once()
        await desk.once()
    [message] = server.messages[server.review_channel]
    embed = message["embeds"][0]
    assert embed["title"] == f"Post {number} for x"
    assert embed["description"] == "I \\*never\\* <\u200b@\u200b1>"
    assert field(message, "Asked for by") == "<@77>"
    assert field(message, "It had to begin with") == "I \\[never\\](x)"
    assert labels(message) == ["Approve", "Edit", "Reject"]


async def test_approve_moves_the_post_and_closes_the_card(server: DiscordServer, database: Database) -> None:
    number = add_post(database, "hello", state=State.HELD)
    async with at_the_desk(server, database) as desk:
        await desk.once()
        pressed = await server.press(card(server), "Approve", user=server.people["mod"])
        await pressed.acknowledged()
        await eventually(lambda: labels(card(server)) == [])
    post = stored(database, number)
    who = f"discord:{server.people['mod']['user']['id']}"
    assert (post.state, post.decided_by) == (State.APPROVED, who)
    assert field(card(server), "Decision").startswith(f"Approved by <@{server.people['mod']['user']['id']}>")


async def test_only_reviewers_decide(server: DiscordServer, database: Database) -> None:
    number = add_post(database, "hello", state=State.HELD)
    async with at_the_desk(server, database) as desk:
        await desk.once()
        for name in ("ada", "boss"):  # managing messages does not help where there is a role
            for button in ("Approve", "Edit", "Reject"):
                pressed = await server.press(card(server), button, user=server.people[name])
                assert await pressed.answered() == wording.NO_REVIEWER
                assert pressed.private
    assert stored(database, number).state is State.HELD


async def test_without_a_role_those_who_manage_messages_decide(server: DiscordServer, database: Database) -> None:
    number = add_post(database, "hello", state=State.HELD)
    async with at_the_desk(server, database, role=False) as desk:
        await desk.once()
        refused = await server.press(card(server), "Approve", user=server.people["mod"])
        assert await refused.answered() == wording.NO_REVIEWER
        await server.press(card(server), "Approve", user=server.people["boss"])
        await eventually(lambda: stored(database, number).state is State.APPROVED)


async def test_rejecting_asks_why(server: DiscordServer, database: Database) -> None:
    number = add_post(database, "hello", state=State.HELD)
    async with at_the_desk(server, database) as desk:
        await desk.once()
        opened = await server.press(card(server), "Reject", user=server.people["mod"])
        assert (await opened.acknowledged())["data"]["title"] == f"Reject post {number}"
        await server.interactions.submit(opened, ["too mean"])
        await eventually(lambda: labels(card(server)) == [])
    assert stored(database, number).state is State.REJECTED
    assert field(card(server), "Decision").startswith("Rejected by <@")


async def test_edited_words_go_through_the_gate_and_wait_for_a_yes(server: DiscordServer, database: Database) -> None:
    number = add_post(database, "hello", state=State.HELD)
    async with at_the_desk(server, database) as desk:
        await desk.once()
        opened = await server.press(card(server), "Edit", user=server.people["mod"])
        form = (await opened.acknowledged())["data"]
        assert form["components"][0]["components"][0]["value"] == "hello"
        await server.interactions.submit(opened, ["goodbye"])
        await eventually(lambda: card(server)["embeds"][0]["description"] == "goodbye")
        assert field(card(server), "Before it was edited") == "hello"
        assert stored(database, number).state is State.HELD
        await server.press(card(server), "Approve", user=server.people["mod"])
        await eventually(lambda: stored(database, number).state is State.APPROVED)
    assert (stored(database, number).text, stored(database, number).original_text) == ("goodbye", "hello")


async def test_the_loser_of_a_race_is_told_who_won(server: DiscordServer, database: Database) -> None:
    number = add_post(database, "hello", state=State.HELD)
    second = server.add_person("mod2", roles=(server.reviewer_role["id"],))
    async with at_the_desk(server, database) as desk:
        await desk.once()
        seen = dict(card(server))  # both look at the open card
        presses = [await server.press(seen, "Approve", user=who) for who in (server.people["mod"], second)]
        told = await first_answer(presses)
    winner = stored(database, number).decided_by
    assert winner is not None
    assert told.startswith(f"<@{winner.removeprefix('discord:')}> decided on post {number}")


async def test_words_that_changed_meanwhile_are_not_approved(server: DiscordServer, database: Database) -> None:
    number = add_post(database, "hello", state=State.HELD)
    async with at_the_desk(server, database) as desk:
        await desk.once()
        seen = dict(card(server))
        verdict = Gate([], Policy.default()).judge("worse")
        review.edit(
            database, post_id=number, text="worse", verdict=verdict, who="terminal:anne", why="", now=datetime.now(UTC)
        )
        review.leave(database, post_id=number, who="terminal:anne")
        pressed = await server.press(seen, "Approve", user=server.people["mod"])
        assert "was changed" in await pressed.answered()
        await desk.once()
        assert card(server)["embeds"][0]["description"] == "worse"
        await server.press(card(server), "Approve", user=server.people["mod"])
        await eventually(lambda: stored(database, number).state is State.APPROVED)


async def test_a_decision_made_elsewhere_closes_the_card(server: DiscordServer, database: Database) -> None:
    number = add_post(database, "hello", state=State.HELD)
    async with at_the_desk(server, database) as desk:
        await desk.once()
        review.reject(database, post_id=number, who="terminal:anne", why="no", now=datetime.now(UTC))
        await desk.once()
    assert labels(card(server)) == []
    assert field(card(server), "Decision").startswith("Rejected by terminal:anne")


async def test_buttons_survive_a_restart_and_no_card_comes_twice(server: DiscordServer, database: Database) -> None:
    first, second = (add_post(database, text, state=State.HELD) for text in ("one", "two"))
    async with at_the_desk(server, database) as desk:
        await desk.once()
    third = add_post(database, "three", state=State.HELD)
    async with at_the_desk(server, database) as desk:
        await server.press(card(server, 0), "Approve", user=server.people["mod"])  # before the desk has read anything
        await eventually(lambda: stored(database, first).state is State.APPROVED)
        await desk.once()
    assert len(server.messages[server.review_channel]) == 3
    assert stored(database, second).state is stored(database, third).state is State.HELD


async def test_a_deleted_card_comes_again(server: DiscordServer, database: Database) -> None:
    number = add_post(database, "hello", state=State.HELD)
    async with at_the_desk(server, database) as desk:
        await desk.once()
        server.messages[server.review_channel].clear()
        server.forget_nonces()
        verdict = Gate([], Policy.default()).judge("new")
        review.edit(database, post_id=number, text="new", verdict=verdict, who="a", why="", now=datetime.now(UTC))
        await desk.once()
        await desk.once()
    assert len(server.messages[server.review_channel]) == 1


class Interrupted(ReviewDesk):
    """A desk at which something happens before the first refreshing of a card."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def _refresh(self, post: Post) -> None:
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            await happens()
        await super()._refresh(post)


async def test_a_press_in_the_middle_of_a_round_leaves_no_second_card(
    server: DiscordServer, database: Database
) -> None:
    first, second = (add_post(database, text, state=State.HELD) for text in ("one", "two"))

    async def press() -> None:
        await server.press(card(server, 1), "Approve", user=server.people["mod"])
        await eventually(lambda: labels(card(server, 1)) == [])

    async with at_the_desk(server, database, desk_type=Interrupted) as desk:
        await desk.once()
        verdict = Gate([], Policy.default()).judge("new")
        review.edit(database, post_id=first, text="new", verdict=verdict, who="a", why="", now=datetime.now(UTC))
        assert isinstance(desk, Interrupted)
        desk.meanwhile = press
        server.forget_nonces()
        await desk.once()
        await desk.once()
    assert stored(database, second).state is State.APPROVED
    assert len(server.messages[server.review_channel]) == 2
    assert labels(card(server, 1)) == []


async def test_a_channel_we_may_not_write_in_is_tried_again(server: DiscordServer, database: Database) -> None:
    add_post(database, "hello", state=State.HELD)
    server.fail(Fault(accept=False, status=403, body={"code": 50001, "message": "Missing Access"}))
    async with at_the_desk(server, database) as desk:
        desk._beat = 0.01
        running = asyncio.create_task(desk.run())
        await eventually(lambda: len(server.messages[server.review_channel]) == 1)
        desk.stop()
        await asyncio.wait_for(running, 5)


async def first_answer(presses: Sequence[Interaction]) -> str:
    """What the first of some people who are told anything is told."""
    waiting = [asyncio.create_task(press.answered()) for press in presses]
    done, rest = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    return done.pop().result()


async def eventually(true: Callable[[], bool]) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)
