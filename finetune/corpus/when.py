"""Dates as exports write them, to aware UTC."""

from datetime import UTC, datetime

_FORMATS = (
    "%a %b %d %H:%M:%S %z %Y",  # X archive and API v1.1
    "%a %b %d %H:%M:%S UTC %Y",
    "%m/%d/%Y %H:%M:%S",  # spreadsheets
    "%m/%d/%Y %H:%M",
    "%d-%m-%Y",
    "%d/%m/%Y %H:%M",
)


def parse_when(value: object) -> datetime | None:
    """A moment from ISO 8601, the formats above, or seconds (or milliseconds) since 1970; None when it is none.

    A time without a zone is taken as UTC: exports of that kind do not say.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, datetime):
        return _aware(value)
    try:
        if isinstance(value, int | float) or (isinstance(value, str) and value.strip().isdigit() and len(value) >= 9):
            seconds = float(value)
            return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
        if not isinstance(value, str) or len(value) > 64:
            return None
        return _aware(_parse(value.strip()))
    except (ValueError, OverflowError, OSError):
        return None


def _parse(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        for pattern in _FORMATS:
            try:
                return datetime.strptime(value, pattern)  # noqa: DTZ007  (made aware by the caller)
            except ValueError:
                continue
        raise


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
