"""Personal archives by their real layouts; private conversations never come in."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from finetune.corpus import ReadOptions
from finetune.errors import EmptyCorpus
from tests.finetune.corpus.making import ALL, POSTS, drops, read_all, texts, write, write_json, write_lines, write_zip

REPLIES = ReadOptions(keep_replies=True, least_characters=0)
LONG = "The full story of the lift " + "and how it stopped between two floors with all of us in it " * 6 + "ends here."


def ytd(name: str, items: list[Any]) -> str:
    """A file as X writes it."""
    return f"window.YTD.{name}.part0 = {json.dumps(items, indent=2)}"


def tweet(number: int, text: str, **more: Any) -> dict[str, Any]:
    """One item of tweets.js."""
    fields = {
        "id_str": str(number),
        "full_text": text,
        "created_at": f"Mon Jan 05 08:36:{number % 60:02} +0000 2026",
        "favorite_count": "7",
        "lang": "en",
        "entities": {"urls": [], "media": []},
    }
    return {"tweet": fields | more}


def x_archive() -> dict[str, str | bytes]:
    """A small archive with everything that matters in it."""
    media = {"entities": {"urls": [], "media": [{"url": "https://t.co/pic"}]}}
    own = {"in_reply_to_user_id_str": "42", "in_reply_to_status_id_str": "1"}
    other = {"in_reply_to_user_id": "7", "in_reply_to_status_id": "99", "in_reply_to_screen_name": "bob"}
    note = {"noteTweetId": "5", "createdAt": "2026-01-05T08:36:04.000Z", "core": {"text": LONG, "urls": []}}
    return {
        "data/account.js": ytd("account", [{"account": {"accountId": "42", "username": "me"}}]),
        "data/tweets.js": ytd(
            "tweets",
            [
                tweet(1, f"{POSTS[0]} https://t.co/pic", **media),
                tweet(2, f"RT @bob: {POSTS[1]}"),
                tweet(3, f"@bob {POSTS[2]}", **other),
                tweet(4, LONG[:120] + "… https://t.co/abc"),
                tweet(5, "Fish &amp; chips &gt; everything else there is", **own),
            ],
        ),
        "data/tweets-part1.js": ytd("tweets", [tweet(6, POSTS[3])]),
        "data/note-tweet.js": ytd("note_tweet", [{"noteTweet": note}]),
        "data/deleted-tweets.js": ytd("deleted_tweets", [tweet(8, "I deleted this one for a reason")]),
        "data/direct-messages.js": ytd("direct_messages", [{"dmConversation": {"messages": ["my secret"]}}]),
    }


def test_x_archive(tmp_path: Path) -> None:
    """Own posts and own threads; long posts whole; no retweets, replies, deleted posts, messages."""
    path = write_zip(tmp_path / "twitter.zip", x_archive())
    corpus = read_all(path)
    assert [row.text for row in corpus.rows] == [POSTS[0], LONG, "Fish & chips > everything else there is", POSTS[3]]
    assert corpus.drops == {"retweet": 1, "reply to somebody else": 1}
    first = corpus.rows[0]
    assert (first.source_id, first.likes, first.lang, first.created_at and first.created_at.year) == (
        "1",
        7,
        "en",
        2026,
    )
    assert corpus.sniffed[0].format == "x archive"
    assert POSTS[2] in texts(path, REPLIES)


def test_x_archive_unpacked_and_alone(tmp_path: Path) -> None:
    """The same from a folder; tweets.js alone cannot know its owner's replies."""
    for name, content in x_archive().items():
        write(tmp_path / "archive" / name, content)
    assert len(texts(tmp_path / "archive")) == 4
    assert POSTS[0] in texts(tmp_path / "archive" / "data" / "tweets.js")
    assert drops(tmp_path / "archive" / "data" / "tweets.js")[-1].reason == "reply to somebody else"


def test_an_empty_part_and_an_old_archive(tmp_path: Path) -> None:
    """One-line files are empty; old items have no "tweet" around them."""
    files = {"data/tweet.js": ytd("tweet", [tweet(1, POSTS[0])["tweet"]]), "data/note-tweet.js": ytd("note_tweet", [])}
    assert texts(write_zip(tmp_path / "old.zip", files)) == [POSTS[0]]


def discord_export(channel: str, guild: str = "11") -> dict[str, Any]:
    """A DiscordChatExporter file."""

    def message(number: int, text: str, kind: str = "Default", **author: Any) -> dict[str, Any]:
        return {
            "id": str(number),
            "type": kind,
            "timestamp": "2024-05-20T16:09:44.209+00:00",
            "content": text,
            "author": {"id": "1", "name": "ada", "isBot": False} | author,
            "reactions": [{"emoji": {"name": "x"}, "count": 3}, {"emoji": {"name": "y"}, "count": 2}],
        }

    return {
        "guild": {"id": guild, "name": "G"},
        "channel": {"id": "5", "type": channel, "name": "general"},
        "messages": [
            message(1, POSTS[0]),
            message(2, POSTS[1], "Reply"),
            message(3, "Joined the server.", "GuildMemberJoin"),
            message(4, "I am a machine and I say so", isBot=True),
            message(5, ""),
        ],
        "messageCount": 5,
    }


def test_discord_chat_exporter(tmp_path: Path) -> None:
    """Posts and replies of people, with their reactions counted."""
    corpus = read_all(write_json(tmp_path / "general.json", discord_export("GuildTextChat")))
    assert [row.text for row in corpus.rows] == list(POSTS[:2])
    assert (corpus.rows[0].author, corpus.rows[0].likes) == ("ada", 5)
    assert corpus.drops == {"system message": 1, "bot": 1, "empty": 1}


@pytest.mark.parametrize(("channel", "guild"), [("DirectTextChat", "0"), ("DirectGroupTextChat", "11")])
def test_discord_direct_messages_never_come_in(tmp_path: Path, channel: str, guild: str) -> None:
    """A private channel is refused whole, and its text is in no row."""
    with pytest.raises(EmptyCorpus, match="private conversations never come in"):
        read_all(write_json(tmp_path / "dm.json", discord_export(channel, guild)))


def test_discord_chat_exporter_csv(tmp_path: Path) -> None:
    """Joins look like messages there; direct ones are known by the file's name."""
    rows = "".join(f'"1","ada","2024-05-20T16:09:44.2090000+00:00","{post}","",""\n' for post in POSTS)
    body = (
        f"AuthorID,Author,Date,Content,Attachments,Reactions\n{rows}"
        + '"2","bo","2024-05-20","Joined the server.","",""\n'
    )
    assert texts(write(tmp_path / "G - general [5].csv", body)) == list(POSTS)
    with pytest.raises(EmptyCorpus, match="private"):
        read_all(write(tmp_path / "Direct Messages - bo [6].csv", body))


@pytest.mark.parametrize("root", ["messages", "Messages"])
def test_discord_data_package(tmp_path: Path, root: str) -> None:
    """Servers come in; direct channels and channels that say nothing of themselves do not."""
    header = "ID,Timestamp,Contents,Attachments\n"
    files: dict[str, str | bytes] = {
        f"{root}/index.json": "{}",
        f"{root}/c1/channel.json": '{"id": "1", "type": 0, "guild": {"id": "9", "name": "G"}}',
        f"{root}/c1/messages.csv": f'{header}1,2024-01-01 10:00:00,"{POSTS[0]}\nwith a tail",\n',
        f"{root}/c2/channel.json": '{"id": "2", "type": "GUILD_TEXT", "guild": {"id": "9", "name": "G"}}',
        f"{root}/c2/messages.json": json.dumps([{"ID": 2, "Timestamp": "2024-01-01 10:00:00", "Contents": POSTS[1]}]),
        f"{root}/c3/channel.json": '{"id": "3", "type": 1, "recipients": ["a", "b"]}',
        f"{root}/c3/messages.csv": f"{header}3,2024-01-01 10:00:00,my secret for one person,\n",
        f"{root}/c4/messages.csv": f"{header}4,2024-01-01 10:00:00,a secret nobody labelled,\n",
        "account/user.json": "{}",
    }
    path = write_zip(tmp_path / "package.zip", files)
    assert texts(path) == [f"{POSTS[0]}\nwith a tail", POSTS[1]]
    assert read_all(path).drops == {"direct message": 2}


def note(number: int, markup: str, **more: Any) -> dict[str, Any]:
    """One item of a Mastodon outbox."""
    actor = "https://example.social/users/me"
    fields = {
        "type": "Note",
        "id": f"{actor}/statuses/{number}",
        "content": markup,
        "attributedTo": actor,
        "published": "2024-01-01T10:00:00Z",
        "to": ["https://www.w3.org/ns/activitystreams#Public"],
        "cc": [f"{actor}/followers"],
        "inReplyTo": None,
        "summary": None,
    }
    return {"type": "Create", "actor": actor, "object": fields | more}


def outbox() -> dict[str, Any]:
    """A small outbox."""
    public, followers = "https://www.w3.org/ns/activitystreams#Public", "https://example.social/users/me/followers"
    mention = '<span class="h-card"><a href="https://x.org/@bob" class="u-url mention">@<span>bob</span></a></span>'
    link = '<a href="https://e.org/a"><span class="invisible">https://</span><span class="ellipsis">e.org</span></a>'
    return {
        "type": "OrderedCollection",
        "orderedItems": [
            note(1, f"<p>{POSTS[0]}</p><p>Second &amp; last.<br />Really.</p>"),
            note(2, f"<p>{POSTS[1]}</p>", summary="food"),
            note(3, f"<p>{POSTS[2]}</p>", to=[followers], cc=[]),
            note(4, "<p>only for you, my dear friend</p>", to=["https://x.org/users/bob"], cc=[]),
            note(5, f"<p>{mention} {POSTS[3]}</p>", inReplyTo="https://x.org/users/bob/statuses/1"),
            note(6, f"<p>{POSTS[4]} {link}</p>", to=[followers], cc=[public]),
            note(7, "<p>And another thing about it all</p>", inReplyTo="https://example.social/users/me/statuses/6"),
            {"type": "Announce", "object": "https://x.org/users/bob/statuses/2"},
        ],
    }


MASTODON = [
    f"{POSTS[0]}\n\nSecond & last.\nReally.",
    f"CW: food\n\n{POSTS[1]}",
    POSTS[4],
    "And another thing about it all",
]


def test_mastodon_outbox_and_archive(tmp_path: Path) -> None:
    """HTML to text, warnings kept, boosts and non-public posts dropped; alone and in the .tar.gz."""
    data = json.dumps(outbox()).encode()
    path = tmp_path / "archive.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in {"actor.json": b"{}", "likes.json": b'{"orderedItems": []}', "outbox.json": data}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    for found in (path, write(tmp_path / "outbox.json", data)):
        corpus = read_all(found)
        assert [row.text for row in corpus.rows] == MASTODON
        assert corpus.drops == {"private post": 2, "reply to somebody else": 1, "boost": 1}
        assert [row.visibility for row in corpus.rows] == ["public", "public", "unlisted", "public"]
    assert POSTS[3] in texts(path, REPLIES)


def test_bluesky_repository(tmp_path: Path) -> None:
    """Posts among other records; replies to others left out; a cut file gives what stands before."""
    libipld = pytest.importorskip("libipld")

    def varint(number: int) -> bytes:
        return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)

    def block(record: dict[str, Any]) -> bytes:
        data: bytes = b"\x01\x71\x12\x20" + b"\0" * 32 + libipld.encode_dag_cbor(record)
        return varint(len(data)) + data

    def post(text: str, **more: Any) -> bytes:
        record = {"$type": "app.bsky.feed.post", "text": text, "createdAt": "2024-02-01T00:00:00Z", "langs": ["en"]}
        return block(record | more)

    header = libipld.encode_dag_cbor({"roots": [], "version": 1})
    data = b"".join(
        [
            varint(len(header)) + header,
            block({"did": "did:plc:me", "rev": "1", "version": 3}),
            block({"$type": "app.bsky.feed.like", "subject": {"uri": "at://x"}}),
            post(POSTS[0]),
            post(POSTS[1], reply={"root": {"uri": "at://did:plc:bob/1"}, "parent": {"uri": "at://did:plc:bob/1"}}),
            post(POSTS[2], reply={"root": {"uri": "at://did:plc:me/1"}, "parent": {"uri": "at://did:plc:me/app/1"}}),
        ]
    )
    path = write(tmp_path / "repo.car", data)
    assert texts(path) == [POSTS[0], POSTS[2]]
    assert drops(path)[0].reason == "reply to somebody else"
    assert texts(path, REPLIES) == list(POSTS[:3])
    assert texts(write(tmp_path / "cut.car", data[:-9])) == [POSTS[0]]


def test_reddit_dump(tmp_path: Path) -> None:
    """Comments and submissions from .zst; deleted ones and bots left out."""
    zstandard = pytest.importorskip("zstandard")
    comment = {"subreddit": "tifu", "created_utc": 1700000000, "score": 12, "parent_id": "t3_x"}
    records = [
        comment | {"id": "a", "author": "ada", "body": POSTS[0]},
        comment | {"id": "b", "author": "[deleted]", "body": "[deleted]"},
        comment | {"id": "c", "author": "AutoModerator", "body": POSTS[1]},
        {"id": "d", "author": "bo", "subreddit": "tifu", "title": "A short title", "selftext": POSTS[2], "score": 1},
        {"id": "e", "author": "bo", "subreddit": "tifu", "title": POSTS[3], "selftext": "[removed]", "score": -4},
    ]
    body = "".join(json.dumps(record) + "\n" for record in records).encode()
    path = write(tmp_path / "tifu_comments.zst", zstandard.ZstdCompressor().compress(body))
    corpus = read_all(path)
    assert [row.text for row in corpus.rows] == [POSTS[0], f"A short title\n{POSTS[2]}", POSTS[3]]
    assert (corpus.rows[0].likes, corpus.rows[2].likes) == (12, -4)
    assert corpus.drops == {"deleted": 1, "bot": 1}


def telegram(kind: str) -> dict[str, Any]:
    """One chat of result.json."""
    linked = [
        {"type": "plain", "text": "I wrote it down at "},
        {"type": "link", "text": "e.org"},
        " for everybody to see",
    ]
    message = {"type": "message", "date": "2022-03-08T13:07:42", "from": "Ada", "from_id": "user1"}
    return {
        "name": "Chat",
        "type": kind,
        "id": 7,
        "messages": [
            message | {"id": 1, "text": POSTS[0], "text_entities": [{"type": "plain", "text": POSTS[0]}]},
            message | {"id": 2, "text": linked},
            message | {"id": 3, "text": POSTS[1], "forwarded_from": "Bo"},
            {"id": 4, "type": "service", "action": "joined", "text": ""},
        ],
    }


def test_telegram_channel_and_whole_export(tmp_path: Path) -> None:
    """A public channel alone, and among private chats in an export of everything."""
    wanted = [POSTS[0], "I wrote it down at e.org for everybody to see"]
    assert texts(write_json(tmp_path / "result.json", telegram("public_channel"))) == wanted
    chats = [telegram("personal_chat"), telegram("public_supergroup"), telegram("saved_messages")]
    path = write_json(tmp_path / "all.json", {"about": "Here is your data", "chats": {"about": "", "list": chats}})
    assert texts(path) == wanted
    assert read_all(path).drops["direct message"] == 6


@pytest.mark.parametrize("kind", ["personal_chat", "private_group", "private_supergroup", "saved_messages", "new_kind"])
def test_telegram_private_chats_never_come_in(tmp_path: Path, kind: str) -> None:
    """Also a kind of chat that nobody knows yet."""
    with pytest.raises(EmptyCorpus, match="private"):
        read_all(write_json(tmp_path / "result.json", telegram(kind)))


def test_messenger_and_whatsapp_are_private(tmp_path: Path) -> None:
    """They are recognised, and refused with a sentence that says why."""
    chat = {
        "participants": [{"name": "A"}],
        "messages": [{"sender_name": "A", "content": "a secret between the two of us"}],
    }
    lines = "".join(f"1/1/21, 12:0{n} - Ada: {post}\n" for n, post in enumerate(POSTS))
    for path in (write_json(tmp_path / "message_1.json", chat), write(tmp_path / "chat.txt", lines)):
        with pytest.raises(EmptyCorpus, match="private conversations never come in"):
            read_all(path)


def test_only_one_author(tmp_path: Path) -> None:
    """`authors` takes theirs, whatever the case; rows without an author stay."""
    records = [{"text": post, "author": "Ada" if n % 2 else "Bo"} for n, post in enumerate(POSTS)]
    path = write_lines(tmp_path / "a.jsonl", records)
    options = ReadOptions(authors=("ada",), least_characters=0)
    assert texts(path, options) == [POSTS[1], POSTS[3]]
    assert {drop.reason for drop in drops(path, options)} == {"another author"}


def test_a_folder_of_several(tmp_path: Path) -> None:
    """Each file by its own layout; pictures and readmes passed over; one bad file told, not fatal."""
    write(tmp_path / "c" / "a.txt", POSTS[0])
    write_lines(tmp_path / "c" / "b.jsonl", [{"text": POSTS[1]}])
    write_zip(
        tmp_path / "c" / "d.zip", {"x/e.csv": f"id,text\n1,{POSTS[2]}\n", "x/photo.png": b"\x89PNG", "__MACOSX/e": "x"}
    )
    write(tmp_path / "c" / "README.md", "This is a heap of posts, and this is not one.")
    write(tmp_path / "c" / ".hidden.txt", "This is hidden and shall stay so.")
    write(tmp_path / "c" / "numbers.csv", "id,when\n1,2024-01-01\n2,2024-01-02\n")
    corpus = read_all(tmp_path / "c", ALL)
    assert sorted(row.text for row in corpus.rows) == sorted(POSTS[:3])
    assert [found.format for found in corpus.sniffed if found.source == "numbers.csv"] == ["left out"]
