"""Discord's objects as plain dicts: https://docs.discord.com/developers/resources/message and the pages beside it."""

import itertools
import time
from datetime import UTC, datetime
from typing import Any

EPOCH = 1_420_070_400_000  # Discord's first millisecond
_counter = itertools.count()
Payload = dict[str, Any]


def snowflake() -> str:
    """A new id: milliseconds since Discord's epoch, then a counter (https://docs.discord.com/developers/reference)."""
    return str((int(time.time() * 1000) - EPOCH << 22) | next(_counter) % 4096)


def user(name: str, *, bot: bool = False) -> Payload:
    """A user."""
    return {
        "id": snowflake(),
        "username": name,
        "discriminator": "0",
        "global_name": name,
        "avatar": None,
        "public_flags": 0,
        "flags": 0,
        "primary_guild": None,
        "bot": bot,
    }


def application(application_id: str) -> Payload:
    """The bot's own application."""
    return {
        "id": application_id,
        "name": "Confessional",
        "icon": None,
        "description": "",
        "type": None,
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "00",
        "flags": 0,
        "flags_new": "0",
        "owner": user("owner"),
        "team": None,
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "explicit_content_filter": 0,
        "approximate_guild_count": 1,
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "eligible_oauth2_scopes": [],
    }


def role(name: str, permissions: int = 0) -> Payload:
    """A role of a server."""
    return {
        "id": snowflake(),
        "name": name,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "position": 1,
        "permissions": str(permissions),
        "managed": False,
        "mentionable": False,
        "flags": 0,
    }


def member(who: Payload, roles: tuple[str, ...] = (), permissions: int = 0) -> Payload:
    """A user as a member of a server."""
    return {
        "user": who,
        "roles": list(roles),
        "joined_at": "2026-01-01T00:00:00+00:00",
        "deaf": False,
        "mute": False,
        "flags": 0,
        "permissions": str(permissions),
    }


def text_channel(name: str, guild_id: str, *, nsfw: bool = False) -> Payload:
    """A text channel of a server."""
    return {
        "id": snowflake(),
        "type": 0,
        "guild_id": guild_id,
        "name": name,
        "position": 0,
        "permission_overwrites": [],
        "nsfw": nsfw,
        "topic": None,
        "last_message_id": None,
        "parent_id": None,
        "rate_limit_per_user": 0,
    }


def guild(name: str) -> Payload:
    """A server with its one inborn role, ``@everyone``, which has the server's own id."""
    guild_id = snowflake()
    return {
        "id": guild_id,
        "name": name,
        "owner_id": "1",
        "verification_level": 0,
        "roles": [role("@everyone") | {"id": guild_id, "position": 0}],
        "emojis": [],
        "stickers": [],
        "features": [],
        "channels": [],
        "threads": [],
        "members": [],
        "presences": [],
        "voice_states": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
        "member_count": 2,
        "large": False,
        "unavailable": False,
        "preferred_locale": "en-US",
        "nsfw_level": 0,
        "mfa_level": 0,
        "premium_tier": 0,
    }


def message(channel_id: str, author: Payload, body: Payload) -> Payload:
    """A message as Discord gives it back for what was sent."""
    return {
        "id": snowflake(),
        "channel_id": channel_id,
        "author": author,
        "content": body.get("content") or "",
        "timestamp": datetime.now(UTC).isoformat(),
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": body.get("embeds") or [],
        "components": numbered(body.get("components") or []),
        "flags": body.get("flags") or 0,
        "pinned": False,
        "type": 0,
    }


def numbered(components: list[Payload]) -> list[Payload]:
    """Components with the numbers that Discord gives them."""
    numbers = itertools.count(1)
    return [
        row | {"id": next(numbers), "components": [each | {"id": next(numbers)} for each in row["components"]]}
        for row in components
    ]


def update(message: Payload, body: Payload) -> None:
    """Change a message as an edit asks."""
    changes = {key: value for key, value in body.items() if key in message}
    if "components" in changes:
        changes["components"] = numbered(changes["components"] or [])
    message.update(changes)


def error(code: int, sentence: str) -> Payload:
    """An error body."""
    return {"code": code, "message": sentence}
