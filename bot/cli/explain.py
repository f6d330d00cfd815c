"""Failures as sentences and exit codes."""

import errno
import os

from bot.cli.console import errors, plain

USAGE, FAILURE = 2, 1
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NO_ROOM = "There is no room left on the disk; free some and run the same command again."


def explain(error: Exception) -> int:
    """Print one failure for people and return its exit code.

    Ours (the error trees of each floor) carry their sentence. Anything else is a fault of the program: it is
    named with the place it came from, and the traceback shown when CONFESS_DEBUG is set.
    """
    if os.environ.get("CONFESS_DEBUG"):
        errors.print_exception()
    code = _code(error)
    if code is None:
        kind = type(error).__name__
        errors.print(plain(f"Something broke that should not have ({kind}: {error}).", "bold red"))
        errors.print("Run it again with CONFESS_DEBUG=1 to see where, and please report it.")
        return FAILURE
    errors.print(plain(NO_ROOM if getattr(error, "errno", None) in FULL else str(error), "red"))
    return code


def _code(error: Exception) -> int | None:
    """2 when the caller can mend it by asking differently, 1 when it failed, None when it is not one of ours."""
    from bot.errors import BotError, ScheduleError
    from bot.settings import SettingsError
    from finetune.errors import BaseError, CorpusError, FinetuneError, NameTaken, RecipeError, RunChanged
    from generation.errors import AdapterError, GenerationError
    from moderation.errors import CalibrationError, ModerationError, PolicyError, WordlistError
    from storage.errors import StorageError

    if isinstance(error, SettingsError | ScheduleError | AdapterError | PolicyError | CalibrationError | WordlistError):
        return USAGE
    if isinstance(error, CorpusError | RecipeError | BaseError | NameTaken | RunChanged):
        return USAGE
    if isinstance(error, BotError | FinetuneError | GenerationError | ModerationError | StorageError | OSError):
        return FAILURE
    return None
