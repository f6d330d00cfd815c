"""The echo index: which training row does a text repeat. Built at fine-tune time, memory-mapped when judging."""

from moderation.echo.compare import Match
from moderation.echo.copying import CopyRate, copy_rate
from moderation.echo.errors import EchoBroken, EchoError, EchoNotFound
from moderation.echo.index import EchoIndex

__all__ = ["CopyRate", "EchoBroken", "EchoError", "EchoIndex", "EchoNotFound", "Match", "copy_rate"]
