"""What is no post though it stands where posts stand: lines of a private chat, lines of JSON.

They come in when files were glued together, or cut so that nobody knows any more what they were. A chat between people
must not come in however it is wrapped, so a row with one line of it goes as a whole.
"""

import re

_DATE = r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}"
_TIME = r"\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AaPp][Mm])?"
# WhatsApp's export: "1/2/21, 12:01 - Ada: hello" (Android), "[02.01.21, 12:01:30] Ada: hello" (iPhone).
CHAT_LINE = re.compile(rf"\u200e?\[?{_DATE},? {_TIME}\]?(?: -|:)? ")
# The same where a comma has been taken for a column's end: "12:01 - Ada: hello".
_LATE = rf"{_TIME}(?: -|\]) [^:\n]{{1,60}}: "
_CHAT = re.compile(rf"^[ \t]*(?:\u200e?\[?{_DATE},? {_TIME}(?: -|\]) |{_LATE})", re.MULTILINE)
# A name and a value as JSON writes them, or the beginning of an object.
_VALUE = r"[\"\[{\d-]|(?:true|false|null)\b"
_JSON = re.compile(rf'^[ \t]*[\[{{,]*[ \t]*"[\w.$-]{{1,40}}"[ \t]*:[ \t]*(?:{_VALUE})', re.MULTILINE)


def stray(text: str) -> str | None:
    """Why a row is no post: "direct message" or "no post"; None when nothing speaks against it."""
    if "\n" not in text and not text[:1].isdigit() and text[:1] not in '[{",\u200e \t':
        return None  # a quick look that spares most posts two searches
    if _CHAT.search(text):
        return "direct message"
    return "no post" if _JSON.search(text) else None
