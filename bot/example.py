"""``.env.example``, written from the settings themselves, so that the two cannot disagree."""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, SecretStr

from bot.settings import DOTENV, TOML, Settings

_HEADER = """\
# Every setting of Confessional with its default. Copy this to .env and fill in what you need, or run `confess init`.
# Secrets belong here; behaviour may stand in confess.toml instead ([section] name = value). Words, policy, sampling
# and schedules have a longer form there: see docs/settings.md.
"""
_BEHAVIOUR = """\
# How Confessional behaves in this folder. Secrets belong in .env; every name is told in .env.example.

[compose]
candidates = 4

[shelf]
low = 8
high = 32
"""
_SCHEDULE = """
[[schedule]]
name = {name}
platform = {platform}
times = [{time}]
zone = {zone}
"""
_QUOTED = str.maketrans({"\\": "\\\\", "'": "\\'"})
_TOML_ONLY = {"policy", "schedule"}  # tables and lists that no single line can hold


def render() -> str:
    """The whole of ``.env.example``: a comment and a commented-out line for each setting."""
    lines = [_HEADER]
    for section, about in Settings.model_fields.items():
        if section in _TOML_ONLY:
            continue
        lines.append(f"# [{section}]")
        lines += [f"# {text}\n# {name}={default}" for name, text, default in _settings(section, about.annotation)]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _settings(section: str, kind: object) -> Iterator[tuple[str, str, str]]:
    """Name in the environment, description and default of each setting of one section."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, setting in kind.model_fields.items():
            yield f"{section}__{name}".upper(), setting.description or "", _plain(setting.default)
    elif isinstance(kind, type) and dataclasses.is_dataclass(kind):  # generation.sampling.Sampling
        for option in dataclasses.fields(kind):
            about = f"How the next token is drawn: {option.name.replace('_', ' ')}"
            yield f"{section}__{option.name}".upper(), about, _plain(option.default)


def _plain(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if value is None or value == ():
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def write_settings(folder: Path, *, secrets: Mapping[str, str], schedule: Mapping[str, str] | None) -> None:
    """Write ``.env`` (mode 0600) and ``confess.toml`` into a folder, each whole or not at all."""
    dotenv = render()
    for name, value in secrets.items():
        if value:
            standing = re.search(rf"^# {name}=.*$", dotenv, flags=re.MULTILINE)
            assert standing is not None, f"{name} is a setting"
            dotenv = dotenv.replace(standing[0], f"{name}='{value.translate(_QUOTED)}'", 1)
    _put(folder / DOTENV, dotenv)
    _put(folder / TOML, _BEHAVIOUR + _planned(schedule))


def _planned(schedule: Mapping[str, str] | None) -> str:
    """One schedule as TOML; a JSON string is a TOML basic string, so hostile answers stay inside their quotes."""
    return _SCHEDULE.format_map({key: json.dumps(value) for key, value in schedule.items()}) if schedule else ""


def _put(path: Path, text: str) -> None:
    """Write beside, then rename: nobody ever reads half a file; nobody else reads a secret."""
    beside = path.with_name(path.name + ".new")
    beside.touch(mode=0o600)
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
