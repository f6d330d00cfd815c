"""How long ago something was, for people in a hurry."""

from datetime import datetime


def ago(moment: datetime, now: datetime) -> str:
    """The time since a moment in the largest unit that fits: ``3 min``."""
    seconds = max(0, int((now - moment).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
