"""Column types that take whatever a model or a person may write, and give the same back on every database."""

import json
import math
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Enum, Integer, Text
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeDecorator

#: Row numbers: 64 bits, in the form in which SQLite counts by itself.
RowNumber = BigInteger().with_variant(Integer, "sqlite")


def by_value(kind: type[StrEnum]) -> Enum:
    """An enum column that stores values (``held``), not SQLAlchemy's default, the names (``HELD``)."""
    return Enum(
        kind, native_enum=False, length=16, values_callable=lambda members: [member.value for member in members]
    )


def storable(text: str) -> str:
    """The text with NUL and lone surrogates, which no database takes, replaced by U+FFFD."""
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class AnyText(TypeDecorator[str]):
    """Text of any length and any origin."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Make the text storable rather than lose it."""
        return None if value is None else storable(value)


def dumps(value: Any) -> str:
    """JSON that every database takes: ASCII, no NUL, no NaN (a score that is not a number becomes null)."""
    return json.dumps(_plain(value), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
