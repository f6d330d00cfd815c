"""A planned moment becomes a post on X: the schedule, review on Discord, the real tweepy client."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bot.schedule import Schedule
from storage import posts
from storage.lifecycle import State
from tests.journeys.conftest import Build
from tests.loopback.faults import Fault

CAKE = "I once ate my brother's birthday cake & blamed the dog."
ZONE = "Europe/London"


def this_minute() -> Schedule:
    now = datetime.now(ZoneInfo(ZONE))
    return Schedule(name="x-daily", platform="x", times=(f"{now:%H:%M}",), zone=ZONE)


async def test_a_slot_is_held_approved_and_posted_once(build: Build) -> None:
    house = build(CAKE, schedules=[this_minute()])
    async with house.open():
        card = await house.card()
        post = house.newest()
        assert (post.state, post.platform) == (State.HELD, "x")
        assert house.x.posts == []
        await house.discord.press(card, "Approve", user=house.discord.people["mod"])
        post = await house.reached(post.number, State.PUBLISHED)
    assert house.x.texts == [CAKE]
    assert house.x.calls == ["POST /2/tweets"]  # one call, its OAuth 1.0a signature checked by the server
    assert post.remote_id == house.x.posts[0]["id"]
    assert post.remote_url == f"https://x.com/i/web/status/{post.remote_id}"
    assert post.slot is not None and post.slot.startswith(f"x-daily@{datetime.now(UTC):%Y}")
    assert house.path(post.number) == [State.HELD, State.APPROVED, State.SENDING, State.PUBLISHED]

    async with house.open():  # the slot is still within its grace, and has its post
        pass
    assert house.newest().number == post.number
    assert house.x.texts == [CAKE]


async def test_an_answer_that_is_lost_is_looked_for_on_the_timeline(build: Build) -> None:
    house = build(CAKE, schedules=[this_minute()])
    house.x.fail(Fault(accept=True))  # X takes the post and cuts the connection
    async with house.open():
        card = await house.card()
        number = house.newest().number
        await house.discord.press(card, "Approve", user=house.discord.people["mod"])
        post = await house.reached(number, State.PUBLISHED)
    assert house.x.texts == [CAKE]
    assert house.x.calls == ["POST /2/tweets", "GET /2/users/me", "GET /2/users/2244994945/tweets"]
    assert post.remote_id == house.x.posts[0]["id"]
    assert house.path(number)[-3:] == [State.SENDING, State.UNCERTAIN, State.PUBLISHED]


async def test_a_refusal_of_xs_ends_on_the_record_in_xs_own_words(build: Build) -> None:
    house = build(CAKE, schedules=[this_minute()])
    house.x.fail(Fault(accept=False, status=403, body={"title": "Forbidden", "detail": "Your account is suspended."}))
    async with house.open():
        card = await house.card()
        number = house.newest().number
        await house.discord.press(card, "Approve", user=house.discord.people["mod"])
        await house.reached(number, State.FAILED)
    with house.database.reading() as session:
        assert "Your account is suspended (403)." in posts.events(session, number)[-1].why
    assert house.x.posts == []
