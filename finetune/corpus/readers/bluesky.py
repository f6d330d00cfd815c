"""A Bluesky repository (``com.atproto.sync.getRepo``): a CAR v1 file of DAG-CBOR blocks, read one block at a time.

Framing after https://ipld.io/specs/transport/car/carv1/: unsigned-varint length, then a CID and the block. Only records
of type ``app.bsky.feed.post`` are posts; everything in a repository is public.
"""

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from finetune.corpus.readers.base import Input, Record, Records, Skipped
from finetune.corpus.readers.objects import word
from finetune.corpus.row import Row
from finetune.corpus.when import parse_when
from finetune.errors import UnreadableCorpus

LONGEST_BLOCK = 4 << 20  # bytes; the network allows records of 1 MB


def is_car(head: bytes) -> bool:
    """Whether a file begins with a CAR v1 header: a CBOR map with ``roots`` and ``version``."""
    return b"eroots" in head[:32] and b"gversion" in head[:200]


def read(source: Input) -> Records:
    """The account's posts; replies to others only when asked for."""
    own = next(
        (found["did"] for found in _blocks(source) if isinstance(found.get("did"), str) and "rev" in found), None
    )
    for block in _blocks(source):
        if block.get("$type") == "app.bsky.feed.post":
            yield _post(block, own, source)


def _post(post: Mapping[str, Any], own: str | None, source: Input) -> Record:
    text = post.get("text")
    if not isinstance(text, str):
        return Skipped("unreadable row")
    reply = post.get("reply")
    parent = reply.get("parent") if isinstance(reply, Mapping) else None
    answered = word(parent.get("uri")) if isinstance(parent, Mapping) else None
    if answered and not source.options.keep_replies and not (own and answered.startswith(f"at://{own}/")):
        return Skipped("reply to somebody else", text)
    listed = post.get("langs")
    languages = [word(language) for language in listed] if isinstance(listed, list) else []
    return Row(
        text=text,
        created_at=parse_when(post.get("createdAt")),
        author=own,
        source=source.name,
        lang=languages[0][:2] if len(languages) == 1 and languages[0] else None,
        reply_to=answered,
    )


def _blocks(source: Input) -> Iterator[Mapping[str, Any]]:
    """The blocks that are maps, in file order, until the file ends or is damaged."""
    try:
        import libipld
    except ImportError as error:
        message = "Reading Bluesky archives needs the extra `train`: pip install 'confessional[train]'."
        raise UnreadableCorpus(message) from error
    with source.open() as stream:
        header = _varint(stream)
        stream.read(min(header or 0, LONGEST_BLOCK))
        while length := _varint(stream):
            if length > LONGEST_BLOCK:
                source.note("one block in it is too long for a post; what stands before was read")
                return
            data = stream.read(length)
            if len(data) < length:
                source.note("it is cut off; what stands before was read")
                return
            try:
                found = libipld.decode_dag_cbor(data[_cid_length(data) :])
            except (ValueError, RecursionError, OverflowError):
                continue
            if isinstance(found, Mapping):
                yield found


def _cid_length(data: bytes) -> int:
    """Bytes of the CID a block begins with: v0 is a bare SHA-256, v1 is version, codec, hash, length, digest."""
    if data[:2] == b"\x12\x20":
        return 34
    place = 0
    for _ in range(3):  # version, codec, hash function
        while place < len(data) and data[place] & 0x80:
            place += 1
        place += 1
    return place + 1 + (data[place] if place < len(data) else 0)


def _varint(stream: BinaryIO) -> int | None:
    """An unsigned LEB128 number of at most nine bytes; None at the end."""
    number = shift = 0
    while byte := stream.read(1):
        number |= (byte[0] & 0x7F) << shift
        if not byte[0] & 0x80:
            return number
        shift += 7
        if shift > 63:
            return None
    return None
