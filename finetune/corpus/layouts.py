"""Archives known by the files in them: X, Discord's data package, Mastodon. Only the files named here are opened."""

import re
from collections.abc import Callable
from pathlib import PurePosixPath

from finetune.corpus.readers import discord, mastodon
from finetune.corpus.readers import x_archive as x
from finetune.corpus.readers.base import Input, Records
from finetune.corpus.row import Sniffed
from finetune.corpus.sources import Member, Tree
from finetune.errors import UnreadableCorpus

_PACKAGE_MESSAGES = re.compile(r"(?:^|/)messages/c?\d+/messages\.(?:json|csv)$", re.IGNORECASE)
# In a folder or archive without a layout of its own, only these are taken for posts.
_POSTS = {"", ".csv", ".tsv", ".tab", ".txt", ".json", ".jsonl", ".ndjson", ".js", ".parquet", ".car"}
_PACKED = {".gz", ".zst", ".bz2", ".xz", ".zip", ".tar", ".tgz"}
_ABOUT = re.compile(
    r"(?:readme|licen[cs]e|notice|sources?|changelog|authors|data-card|forget)(?:\..*)?$", re.IGNORECASE
)

MakeInput = Callable[[Member], Input]


def recognise_tree(tree: Tree, make: MakeInput) -> tuple[Sniffed, Records] | None:
    """What an archive or folder is as a whole, and its records; None when its files stand for themselves.

    Raises:
        UnreadableCorpus: it is a document in zip's clothing, such as a spreadsheet.
    """
    names = [member.name for member in tree.members]
    tweets = [member for member in tree.members if x.TWEETS.search(member.name)]
    if tweets and len(names) > 1:
        notes = [make(member) for member in tree.members if x.NOTES.search(member.name)]
        account = next((make(member) for member in tree.members if x.ACCOUNT.search(member.name)), None)
        detail = (
            f"an X archive, {_several(len(tweets), 'file')} of posts; retweets left out, direct messages never opened"
        )
        archive = x.Archive([make(member) for member in tweets], notes, account)
        return Sniffed(tree.label, "x archive", detail), x.read(archive)
    channels = [member for member in tree.members if _PACKAGE_MESSAGES.search(member.name)]
    if channels:
        about = {str(PurePosixPath(member.name).parent): member for member in tree.find("channel.json")}
        paired = [(member, about.get(str(PurePosixPath(member.name).parent))) for member in channels]
        found = [discord.Channel(make(messages), make(beside) if beside else None) for messages, beside in paired]
        detail = f"a Discord data package, {_several(len(found), 'channel')}; direct messages left out"
        return Sniffed(tree.label, "discord package", detail), discord.read_package(found)
    outboxes = tree.find("outbox.json")
    if outboxes and len(names) > 1:
        detail = "a Mastodon archive; boosts and non-public posts left out"
        return Sniffed(tree.label, "mastodon", detail), mastodon.read(make(outboxes[0]))
    if "[Content_Types].xml" in names or "mimetype" in names:
        raise UnreadableCorpus(f"{tree.label} is an office document; open it and save the sheet as CSV.")
    return None


def may_hold_posts(member: Member) -> bool:
    """Whether a file among several is worth reading: not a picture, a program, a readme, a data card."""
    path = PurePosixPath(member.name)
    return path.suffix.casefold() in _POSTS | _PACKED and not _ABOUT.match(path.name)


def _several(count: int, thing: str) -> str:
    return f"{count} {thing}" + ("" if count == 1 else "s")
