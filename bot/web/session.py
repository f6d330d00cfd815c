"""Who is signed in: a signed cookie, nothing stored. A new WEB__TOKEN signs everybody out."""

import base64
import binascii
import hashlib
import hmac
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

LASTS = timedelta(hours=12)
MAX_FAILURES = 5  # wrong tokens from one address within a minute
WINDOW = timedelta(minutes=1)
REMEMBERED = 1000  # addresses

_NAME = re.compile(r"[\w .'-]{1,40}")


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A person who may decide."""

    name: str
    csrf: str  # goes into every form, and must come back

    @property
    def who(self) -> str:
        """What the record calls them."""
        return f"web:{self.name}"


class Sessions:
    """Signs people in with the one token of the settings, and recognises them afterwards."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._key = hashlib.sha256(b"confessional web session " + self._token).digest()

    def sign_in(self, token: str, name: str, now: datetime) -> str | None:
        """A cookie for whoever knows the token and gives a name; ``None`` otherwise."""
        name = name.strip()
        if not hmac.compare_digest(token.encode(), self._token) or not _NAME.fullmatch(name):
            return None
        body = f"{int((now + LASTS).timestamp())}.{base64.urlsafe_b64encode(name.encode()).decode()}"
        return f"{body}.{self._sign('cookie', body)}"

    def reviewer(self, cookie: str | None, now: datetime) -> Reviewer | None:
        """Whose cookie this is; ``None`` when it is missing, forged or too old."""
        parts = (cookie or "").split(".")
        if len(parts) != 3:
            return None
        until, name, signature = parts
        body = f"{until}.{name}"
        if not hmac.compare_digest(signature.encode(), self._sign("cookie", body).encode()):
            return None
        try:
            alive = datetime.fromtimestamp(int(until), UTC) > now
            decoded = base64.urlsafe_b64decode(name).decode()
        except (ValueError, OverflowError, binascii.Error):
            return None
        return Reviewer(decoded, self._sign("csrf", body)) if alive else None

    def _sign(self, purpose: str, body: str) -> str:
        return hmac.new(self._key, f"{purpose} {body}".encode(), hashlib.sha256).hexdigest()


class Failures:
    """Counts wrong tokens by address, so that nobody can try them by the thousand."""

    def __init__(self) -> None:
        self._times: OrderedDict[str, list[datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def too_many(self, address: str, now: datetime) -> bool:
        """Whether this address has to wait."""
        with self._lock:
            return len([moment for moment in self._times.get(address, ()) if now - moment < WINDOW]) >= MAX_FAILURES

    def add(self, address: str, now: datetime) -> None:
        """Note a wrong token."""
        with self._lock:
            recent = [moment for moment in self._times.pop(address, []) if now - moment < WINDOW]
            self._times[address] = [*recent, now]
            while len(self._times) > REMEMBERED:
                self._times.popitem(last=False)
