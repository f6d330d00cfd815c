"""``/words`` through the real discord.py client: who may change what, what is shown, and that the gate hears of it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.discord import wording
from bot.discord import words as commands
from bot.discord.client import ConfessClient
from bot.discord.reviewers import Reviewers
from bot.discord.words import add_words
from bot.wordbook import Wordbook
from moderation import words
from moderation.context import Context
from moderation.filters.wordlist import WordlistFilter
from moderation.gate import Gate
from moderation.policy import Policy
from moderation.verdict import Decision
from moderation.words import Word
from tests.bot.discord_client import signed_in
from tests.loopback.discord_interactions import Interaction
from tests.loopback.discord_server import DiscordServer
from tests.loopback.discord_shapes import Payload

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
HOSTILE = "<@1> **loud** @everyone\n# [x](http://y)\u202e"


class Room:
    """A list, a gate that judges by it, and the server whose people edit it."""

    def __init__(self, server: DiscordServer, folder: Path) -> None:
        self.server = server
        self.path = folder / "words.toml"
        self.gate = Gate([WordlistFilter.load(self.path)], Policy.default())
        self.here = str(server.guild["id"])
        self.wordbook = Wordbook(self.path, self.gate, clock=lambda: NOW)

    def open(
        self, *, role: bool = True, review_channel: str | None = None
    ) -> AbstractAsyncContextManager[ConfessClient]:
        role_id = int(self.server.reviewer_role["id"]) if role else None
        reviewers = Reviewers(role_id, int(review_channel) if review_channel else None)
        return signed_in(self.server, lambda client: add_words(client, self.wordbook, reviewers))

    async def say(self, command: str, who: str = "mod", **options: object) -> tuple[str, Interaction]:
        """Type a command; what the person is told."""
        typed = await self.server.command(f"words {command}", options, user=self.server.people[who])
        answer = await typed.answered()
        assert typed.private
        return answer, typed

    async def offered(self, typed: str, who: str = "mod") -> list[Payload]:
        """What is offered while a word to remove is typed."""
        typing = await self.server.command("words remove", {"word": typed}, user=self.server.people[who], typing="word")
        return await typing.choices()

    def own(self) -> list[tuple[str, str, tuple[str, ...]]]:
        return [(word.word, word.tier, word.servers) for word in words.load(self.path).words]

    def put(self, *entries: Word) -> None:
        for entry in entries:
            words.add(self.path, entry, who="terminal:ann", now=NOW)
        self.gate.refresh()

    def judged(self, text: str, server: str | None = None) -> Decision:
        return self.gate.judge(text, Context("discord", server=server)).decision


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with DiscordServer() as running:
        yield Room(running, tmp_path)


async def test_a_word_counts_at_once_on_this_server_alone(room: Room) -> None:
    async with room.open():
        said, _ = await room.say("add", word=" crumpet ", tier="block", why="we were sued")
        assert said == "“crumpet” is blocked on this server from now on."
        assert room.judged("a crumpet", room.here) is Decision.BLOCK
        assert room.judged("a crumpet", "8") is Decision.ALLOW
        [entry] = words.load(room.path).words
        who = f"discord:{room.server.people['mod']['user']['id']}"
        assert (entry.servers, entry.by, entry.at, entry.why) == ((room.here,), who, NOW, "we were sued")

        said, _ = await room.say("remove", word="crumpet")
        assert said == "“crumpet” is off the list of this server."
        assert room.judged("a crumpet", room.here) is Decision.ALLOW
        assert [word.by for word in words.load(room.path).removed] == [who]


async def test_the_appointed_speak_for_every_server(room: Room) -> None:
    async with room.open():
        said, _ = await room.say("add", word="*hell*", tier="hold", everywhere=True)
        assert said == "“\\*hell\\*” is held for a person everywhere from now on."
        await room.say("add", word="shell", tier="allow", everywhere=True)
        await room.say("add", word="/cr.mpet/", tier="block")
        assert [room.judged(text, "8") for text in ("hellish", "shell", "crumpet")] == [
            Decision.HOLD,
            Decision.ALLOW,
            Decision.ALLOW,
        ]
        said, _ = await room.say("list")
        assert "“" not in said and said.count("(everywhere)") == 2
        said, _ = await room.say("remove", word="shell")
        assert said == "“shell” is off the list for everywhere."


async def test_strangers_neither_edit_nor_see_the_list(room: Room) -> None:
    room.put(Word("crumpet", "block", servers=(room.here,)))
    before = room.path.read_bytes()
    async with room.open():
        for who in ("ada", "boss"):  # managing messages does not help where there is a role
            for command, options in (
                ("add", {"word": "x", "tier": "hold"}),
                ("remove", {"word": "crumpet"}),
                ("list", {}),
            ):
                said, _ = await room.say(command, who, **options)
                assert said == wording.NO_REVIEWER
            assert await room.offered("crum", who) == []
    assert room.path.read_bytes() == before


@pytest.mark.parametrize("elsewhere", [True, False])
async def test_moderators_of_any_server_can_only_be_stricter_and_only_there(room: Room, elsewhere: bool) -> None:
    """Without a role, those who manage messages on a server that invited the bot are nobody's appointed reviewers."""
    entries = (Word("scone", "block"), Word("crumpet", "hold", servers=("8",)))
    room.put(*entries)
    async with room.open(role=False, review_channel="123456" if elsewhere else None):
        for refused, told in (
            ({"word": "x", "tier": "block", "everywhere": True}, wording.NOT_EVERYWHERE),
            ({"word": "scone", "tier": "allow"}, wording.ONLY_STRICTER),
            ({"word": "*a*", "tier": "block"}, wording.ONLY_PLAIN),
            ({"word": "/.*/", "tier": "hold"}, wording.ONLY_PLAIN),
        ):
            said, _ = await room.say("add", "boss", **refused)
            assert said == told
        for word in (*entries, Word("muffin", "hold")):
            for typed in (word.word, word.mark):
                said, _ = await room.say("remove", "boss", word=typed)
                assert "is not on your list" in said
        assert await room.offered("", "boss") == []
        said, _ = await room.say("list", "boss")
        assert said == wording.EMPTY_LIST
        await room.say("add", "boss", word="muffin", tier="block")
        said, _ = await room.say("list", "boss")
        assert said.startswith("• **block** muffin by <@")
    assert room.own() == [("scone", "block", ()), ("crumpet", "hold", ("8",)), ("muffin", "block", (room.here,))]


async def test_without_a_role_the_server_of_the_review_channel_speaks_for_all(room: Room) -> None:
    async with room.open(role=False, review_channel=room.server.review_channel):
        await room.say("add", "boss", word="crumpet", tier="hold", everywhere=True)
        said, _ = await room.say("add", "mod", word="scone", tier="hold", everywhere=True)
        assert said == wording.NO_REVIEWER
    assert room.own() == [("crumpet", "hold", ())]


async def test_hostile_words_do_nothing_in_discord(room: Room) -> None:
    tame = "<\u200b@\u200b1> \\*\\*loud\\*\\* @\u200beveryone # \\[x\\](http://y)·"
    async with room.open():
        said, _ = await room.say("add", word=HOSTILE, tier="hold", why=HOSTILE)
        assert said == f"“{tame}” is held for a person on this server from now on."
        said, _ = await room.say("list")
        assert said.startswith(f"• **hold** {tame} by <@") and said.endswith(f": {tame}")
        [choice] = await room.offered("loud")
        assert choice["name"] == "hold: <@1> **loud** @everyone # [x](http://y)·"
        said, _ = await room.say("remove", word=choice["value"])
        assert said == f"“{tame}” is off the list of this server."
        said, _ = await room.say("list", removed=True)
        assert said.startswith(f"• ~~{tame}~~ (hold), taken out by <@")


async def test_a_long_list_is_a_file_with_a_line_a_word(room: Room) -> None:
    room.put(*(Word(f"word {number}\n{HOSTILE}", "hold", servers=(room.here,)) for number in range(30)))
    async with room.open():
        said, shown = await room.say("list")
    assert said == wording.LONG_LIST
    lines = shown.files["words.txt"].splitlines()
    assert len(lines) == 30
    assert lines[7].startswith("hold\tword 7 <@1> **loud** @everyone # [x](http://y)·\tthis server\tterminal:ann\t2026")


async def test_what_is_typed_is_completed(room: Room) -> None:
    long = "long " * 30
    room.put(*(Word(f"cake {number}", "hold", servers=(room.here,)) for number in range(40)), Word(long, "block"))
    async with room.open():
        assert len(await room.offered("CAKE")) == 25
        assert [choice["name"] for choice in await room.offered("cake 39")] == ["hold: cake 39"]
        [choice] = await room.offered("long")
        assert len(choice["name"]) == 100 and choice["name"].startswith("block: long long")
        said, _ = await room.say("remove", word=choice["value"])
        assert said.endswith("is off the list for everywhere.")


async def test_what_is_wrong_with_a_word_is_told(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "MOST", 1)
    async with room.open():
        said, _ = await room.say("add", word="/(/", tier="hold")
        assert said.startswith("The regular expression in “/(/” is wrong")
        said, _ = await room.say("add", word="***", tier="hold")
        assert "with a letter among them" in said
        await room.say("add", word="one", tier="hold")
        said, _ = await room.say("add", word="two", tier="hold")
        assert "full at 1 words" in said
        await room.say("add", word="two", tier="hold", everywhere=True)  # the owners' list has no end
    assert len(room.own()) == 2


async def test_a_broken_file_is_the_log_s_business(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    room.path.write_text("[[word]\n")
    async with room.open():
        for command, options in (("list", {}), ("add", {"word": "x", "tier": "hold"}), ("remove", {"word": "x"})):
            said, _ = await room.say(command, **options)
            assert said == wording.BROKEN
        assert await room.offered("x") == []
    assert caplog.text.count("is not valid TOML") == 3


@pytest.mark.parametrize(("role", "permissions"), [(True, None), (False, 1 << 13)])
async def test_discord_shows_the_commands_to_those_who_may_use_them(
    room: Room, role: bool, permissions: int | None
) -> None:
    async with room.open(role=role):
        [command] = room.server.commands[room.here]
    assert command["name"] == "words"
    assert command["default_member_permissions"] == permissions
    assert [option["name"] for option in command["options"]] == ["add", "remove", "list"]
