"""The posts: the only way to begin, change and read them. Each function works in the caller's transaction."""

from storage.posts.drafts import Draft, create
from storage.posts.leases import lease, release
from storage.posts.moves import amend, get, move
from storage.posts.outgoing import ClearedPost, Outgoing, claim, recover, uncertain
from storage.posts.record import counts, events, find, held_because, recent_texts, slots, waiting
from storage.posts.shelf import Stock, Wishes, last_event, outdated, stock, take, wishes
from storage.posts.upkeep import expire

__all__ = [
    "ClearedPost",
    "Draft",
    "Outgoing",
    "Stock",
    "Wishes",
    "amend",
    "claim",
    "counts",
    "create",
    "events",
    "expire",
    "find",
    "get",
    "held_because",
    "last_event",
    "lease",
    "move",
    "outdated",
    "recent_texts",
    "recover",
    "release",
    "slots",
    "stock",
    "take",
    "uncertain",
    "waiting",
    "wishes",
]
