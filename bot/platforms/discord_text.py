"""Making a text harmless on Discord: it shows as it was written and reviewed, and does nothing.

Syntax: https://docs.discord.com/developers/reference#message-formatting. Mentions are also switched off in the request
(``AllowedMentions.none()``); this makes them look like the plain text they are.
"""

import re

GAP = "\u200b"  # zero-width space: shows as nothing, ends a token
LIMIT = 2000  # characters of a message

INVITE = re.compile(r"(discord)(?=(?:app)?\s*\.\s*(?:gg|io|me|li|com\s*/\s*invite)\b)", re.IGNORECASE)
AT = re.compile(r"@(?=everyone|here|[!&]?\d)")
TOKEN = re.compile(r"<(?=[@#:/]|a:|t:|id:|https?:)")  # mentions, emoji, commands, timestamps, hidden previews
LINK_OR_MARKDOWN = re.compile(
    r"(?P<link>https?://[^\s<>()\[\]|*`]+)|(?P<mark>[\\*_~|`\[\]]|^\s*(?:#|>|-))", re.MULTILINE
)


def neutralise(text: str) -> str:
    """The text with mentions, invites, masked links and markdown made plain; a bare address stays a link."""
    broken = TOKEN.sub(f"<{GAP}", AT.sub(f"@{GAP}", INVITE.sub(rf"\1{GAP}", text)))
    return LINK_OR_MARKDOWN.sub(_escaped, broken)


def _escaped(match: re.Match[str]) -> str:
    if match["link"]:
        return match["link"]
    mark = match["mark"]
    return f"{mark[:-1]}\\{mark[-1]}"
