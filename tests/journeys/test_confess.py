"""``/confess`` becomes a message: the real discord.py client, the real gate, record and publisher."""

from bot.discord import wording
from storage.lifecycle import State
from tests.journeys.conftest import Build

CAKE = "I once ate my brother's birthday cake and blamed the dog."
RUDE = "I told my boss to fuck off in a dream, and then at work."
PHONE = "My number is 020 7946 0958 and I never answer it."


async def test_a_command_becomes_a_message_in_the_channel(build: Build) -> None:
    house = build(CAKE)
    discord = house.discord
    async with house.open():
        asked = await discord.command("confess", user=discord.people["ada"])
        assert await asked.answered() == wording.POSTED.format(place=f"<#{discord.channel}>")
        post = await house.reached(house.newest().number, State.PUBLISHED)
    [message] = discord.messages[discord.channel]
    assert message["content"] == CAKE
    assert asked.private
    assert (post.remote_id, post.channel, post.server) == (message["id"], discord.channel, discord.guild["id"])
    assert post.requester == f"discord:{discord.people['ada']['user']['id']}"
    assert (post.adapter, post.engine, post.decision) == ("voice", "voice", "allow")
    assert house.path(post.number) == [State.APPROVED, State.SENDING, State.PUBLISHED]


async def test_a_prompt_and_a_bad_wish(build: Build) -> None:
    house = build("ate the cake.")
    discord = house.discord
    async with house.open():
        asked = await discord.command("confess", {"prompt": "My dear old aunt"}, user=discord.people["ada"])
        await asked.answered()
        post = await house.reached(house.newest().number, State.PUBLISHED)
        refused = await discord.command("confess", {"prompt": "My number is 020 7946 0958"}, user=discord.people["mod"])
        assert await refused.answered() == wording.NOT_THIS_WISH
    assert (post.prompt, post.text) == ("My dear old aunt", "My dear old aunt ate the cake.")
    assert discord.said(discord.channel) == ["My dear old aunt ate the cake."]
    assert house.newest().number == post.number  # nothing was written for the bad wish


async def test_a_held_text_waits_for_a_moderator_also_over_a_restart(build: Build) -> None:
    house = build(RUDE)
    discord = house.discord
    async with house.open():
        asked = await discord.command("confess", user=discord.people["ada"])
        assert await asked.answered() == wording.HELD.format(place=f"<#{discord.channel}>")
        number = house.newest().number
        card = await house.card()
        nosy = await discord.press(card, "Approve", user=discord.people["ada"])
        assert await nosy.answered() == wording.NO_REVIEWER
    assert house.newest().state is State.HELD
    assert discord.said(discord.channel) == []

    async with house.open():  # another process of the same bot, on the same record
        await discord.press(card, "Approve", user=discord.people["mod"])
        post = await house.reached(number, State.PUBLISHED)
    assert discord.said(discord.channel) == [RUDE]
    assert house.path(number) == [State.HELD, State.APPROVED, State.SENDING, State.PUBLISHED]
    assert post.decided_by == f"discord:{discord.people['mod']['user']['id']}"
    assert len(discord.messages[discord.review_channel]) == 1
    assert card["components"] == []  # the card is closed, and says who decided


async def test_a_blocked_text_goes_nowhere_and_stays_on_record(build: Build) -> None:
    house = build(PHONE)
    discord = house.discord
    async with house.open():
        asked = await discord.command("confess", user=discord.people["ada"])
        assert await asked.answered() == wording.NOT_THIS_ONE
    post = house.newest()
    assert (post.state, post.text) == (State.BLOCKED, PHONE)
    assert post.verdict["findings"][0]["category"] == "phone"
    assert discord.messages[discord.channel] == discord.messages[discord.review_channel] == []


async def test_many_at_once_each_get_a_message_of_their_own(build: Build) -> None:
    lines = [f"I have hidden {number} spoons in the garden shed since spring." for number in range(2, 22)]
    house = build(*lines)
    discord = house.discord
    people = [discord.add_person(f"person {number}") for number in range(20)]
    house.seeds = iter(range(20))  # type: ignore[assignment]
    async with house.open():
        asked = [await discord.command("confess", user=person) for person in people]
        for each in asked:
            await each.answered(20)
        for number in range(house.newest().number, 0, -1):
            await house.reached(number, State.PUBLISHED)
    assert sorted(discord.said(discord.channel)) == sorted(lines)
    assert len({message["nonce"] for message in discord.messages[discord.channel]}) == 20
