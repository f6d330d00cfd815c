"""The folder of an unfinished run, ``<out>/.NAME.training``: one process at a time, and always the same run."""

import contextlib
import errno
import fcntl
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from finetune.errors import BaseError, CorpusError, NameTaken, RecipeError, RunChanged, TrainingError
from finetune.team import Team
from finetune.train import STATE

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
IDENTITY = "run.json"


def check_name(name: str, out_root: Path, fresh: bool) -> Path:
    """Where the finished adapter will stand.

    Raises:
        RecipeError: the name cannot be a folder's.
        NameTaken: a complete adapter has it and ``fresh`` is not set.
    """
    if not _NAME.fullmatch(name):
        raise RecipeError(f"The name {name!r} cannot be used: give letters, digits, '.', '_' and '-', at most 64.")
    if (out_root / name).exists() and not fresh:
        raise NameTaken(f"There is an adapter {name} in {out_root} already: choose another --name, or add --fresh.")
    return out_root / name


@contextlib.contextmanager
def workspace(out_root: Path, name: str, identity: Mapping[str, Any], *, fresh: bool, team: Team) -> Iterator[Path]:
    """The work folder, locked for this process while the block runs.

    Args:
        out_root: where adapters stand.
        name: of the adapter.
        identity: what the run is made of, name → JSON value; a later process must bring the same.
        fresh: throw an unfinished run of that name away.
        team: only its leading process locks and clears; the others wait for it.

    Raises:
        NameTaken: another process is at it.
        RunChanged: the unfinished run there has another identity; the sentence names what differs.
        TrainingError: the folder cannot be written, or the disk is full.
    """
    folder = out_root / f".{name}.training"
    if not team.leads:
        team.wait()
        yield folder
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise TrainingError(f"The folder {folder} cannot be written: {error.strerror}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise NameTaken(
                f"Another process is training {name} in {out_root}: wait for it or choose another --name."
            ) from error
        try:
            if fresh:
                _empty(folder)
            _claim(folder, name, identity)
            team.wait()
            yield folder
        except (BaseError, CorpusError, RecipeError):
            if not (folder / STATE).exists():  # nothing to go on from, so nothing stays behind
                shutil.rmtree(folder)
            raise
        except Exception as error:
            if not _is_full(error):
                raise
            message = f"There is no room left in {out_root}: free some; the same command goes on from the last state."
            raise TrainingError(message) from error


def _claim(folder: Path, name: str, identity: Mapping[str, Any]) -> None:
    path = folder / IDENTITY
    identity = json.loads(json.dumps(dict(identity)))
    try:
        known = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        _begin(folder, identity)
        return
    changed = [key for key in {**identity, **known} if known.get(key) != identity.get(key)]
    if changed and not (folder / STATE).exists():
        _begin(folder, identity)  # nothing was learned yet, so nothing is lost
    elif changed:
        raise RunChanged(
            f"An unfinished run of {name} had another {' and another '.join(changed)}: "
            "give the same again to go on with it, or --fresh to start over."
        )


def _begin(folder: Path, identity: Mapping[str, Any]) -> None:
    _empty(folder)
    partial = folder / f"{IDENTITY}.tmp"
    partial.write_text(json.dumps(identity, indent=2), encoding="utf-8")
    partial.replace(folder / IDENTITY)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != "lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _is_full(error: BaseException | None) -> bool:
    """Whether an error, or one behind it, says that the disk is full; safetensors and CTranslate2 say so in words."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return True
        if any(words in str(error) for words in ("No space left on device", "File too large", "Disk quota exceeded")):
            return True
        error = error.__cause__ or error.__context__
    return False


def publish(folder: Path, final: Path) -> None:
    """Move a finished folder to its place; what stood there before goes away last."""
    old = final.with_name(f".{final.name}.old")
    if old.exists():
        shutil.rmtree(old)
    if final.exists():
        final.rename(old)
    folder.rename(final)
    if old.exists():
        shutil.rmtree(old)
