"""An adapter on disk: one folder, finished when its card is.

``card.json`` is written last, so its presence means that everything else is there. It lists every file with
its size and SHA-256. Opening a folder compares sizes, which takes microseconds; :func:`damaged_files` reads
every byte, which ``confess doctor`` does.

    card.json                     who it is, written last
    adapter_model.safetensors     LoRA weights, adapter_config.json (PEFT's own format)
    tokenizer.json                tokenizer_config.json
    prompt.json                   what stands before a post
    ctranslate2/                  merged and converted, for the default engine
    echo/                         index of the corpus, for the copy filter
    authors.json                  hashes of the names of those who wrote it, for the filter of personal data
    samples.jsonl report.html data-card.json data-card.md
    stale.json                    not on the card: added later, when posts that it learned were forgotten
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Self

from generation.errors import AdapterBroken, AdapterError, AdapterIncomplete, AdapterNotFound
from generation.prompt import PromptFormat

CARD = "card.json"
CARD_VERSION = 1
STALE = "stale.json"

# What decides which text comes out. The rest (report, samples, echo index) may be rebuilt without a new voice.
VOICE = ("adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "prompt.json", "ctranslate2/")


@dataclass(frozen=True, slots=True)
class FileMark:
    """Size and digest of one file, as it was when the card was written."""

    bytes: int
    sha256: str  # hexadecimal


@dataclass(frozen=True, slots=True)
class Card:
    """Who an adapter is and how it was made. Plain JSON on disk."""

    name: str
    base: str  # "nib", "gpt2", a Hub id, a folder
    base_hash: str  # fingerprint of the base's files
    architecture: str  # transformers' class name, such as "GPT2LMHeadModel"
    created_at: datetime  # aware, UTC
    engine: str = "transformers"  # the one that speaks unless another is asked for
    engine_why: str = ""  # one sentence, when it is not the usual default
    recipe: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)  # fingerprint and counts of the corpus
    metrics: Mapping[str, Any] = field(default_factory=dict)  # held-out loss before and after, copy rate, …
    versions: Mapping[str, str] = field(default_factory=dict)  # libraries at training time
    files: Mapping[str, FileMark] = field(default_factory=dict)  # POSIX path in the folder → mark
    version: int = CARD_VERSION

    @property
    def hash(self) -> str:
        """Fingerprint of the voice: base, weights, tokenizer, prompt and converted weights. 16 hex digits."""
        digest = hashlib.sha256(self.base_hash.encode())
        for path, mark in sorted(self.files.items()):
            if path.startswith(VOICE):
                digest.update(f"\n{path} {mark.sha256}".encode())
        return digest.hexdigest()[:16]

    def to_json(self) -> str:
        """Text of ``card.json``."""
        return json.dumps(asdict(self) | {"created_at": self.created_at.isoformat()}, indent=2, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The card that :meth:`to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: it is not one.
        """
        data = json.loads(text)
        if data.get("version") != CARD_VERSION:
            message = f"its version is {data.get('version')!r}, this program reads {CARD_VERSION}"
            raise ValueError(message)
        files = {path: FileMark(**mark) for path, mark in data["files"].items()}
        return cls(**data | {"created_at": datetime.fromisoformat(data["created_at"]), "files": files})


@dataclass(frozen=True)
class Adapter:
    """A complete adapter folder."""

    folder: Path
    card: Card

    @property
    def name(self) -> str:
        """The card's name."""
        return self.card.name

    @property
    def hash(self) -> str:
        """The card's fingerprint of the voice."""
        return self.card.hash

    @cached_property
    def prompt(self) -> PromptFormat:
        """The prompt format the weights were trained with."""
        return PromptFormat.load(self.folder)

    @property
    def stale(self) -> str | None:
        """What its owner must know when posts that it learned were forgotten since, and do; None when none were."""
        told = stale_since(self.folder)
        if told is None:
            return None
        since = f" on {str(told['at'])[:10]}" if "at" in told else ""
        return (
            f"Posts that the adapter {self.name} has learned were taken back{since}, and weights cannot forget; "
            f"train it again without them: confess finetune FILE --name {self.name} --fresh"
        )

    def has(self, path: str) -> bool:
        """Whether the card lists a file at ``path``, or any under it when it ends with a slash."""
        return any(known.startswith(path) if path.endswith("/") else known == path for known in self.card.files)


def open_adapter(folder: Path) -> Adapter:
    """The adapter in ``folder``, after a check of every file's presence and size.

    Raises:
        AdapterNotFound: there is no such folder.
        AdapterIncomplete: there is no card: training did not finish.
        AdapterBroken: the card or a file it lists is missing, of another size, or unreadable.
    """
    if not folder.is_dir():
        message = f"There is no adapter at {folder}; `confess adapters` lists those there are."
        raise AdapterNotFound(message)
    try:
        text = (folder / CARD).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        message = f"{folder} has no {CARD}: its training did not finish; run `confess finetune` again to resume it."
        raise AdapterIncomplete(message) from error
    except (OSError, UnicodeDecodeError) as error:
        message = f"{folder / CARD} cannot be read ({error}); mend it or train the adapter again."
        raise AdapterBroken(message) from error
    try:
        card = Card.from_json(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{folder / CARD} is not a card of this program ({error}); train the adapter again."
        raise AdapterBroken(message) from error
    for path, mark in card.files.items():
        _check_size(folder, path, mark)
    return Adapter(folder, card)


def save_card(folder: Path, card: Card) -> Card:
    """Finish ``folder``: mark every file in it and write the card, last and whole. Returns the card as written."""
    files = {
        path.relative_to(folder).as_posix(): FileMark(path.stat().st_size, _sha256(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / CARD and not path.name.endswith(".tmp")
    }
    card = replace(card, files=files)
    partial = folder / (CARD + ".tmp")
    with partial.open("w", encoding="utf-8") as file:
        file.write(card.to_json())
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / CARD)
    return card


def stale_since(folder: Path) -> dict[str, Any] | None:
    """What ``stale.json`` of an adapter folder says, or None when the adapter has nothing to forget."""
    try:
        found = json.loads((folder / STALE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        found = None
    return found if isinstance(found, dict) else {}  # damaged, but somebody marked it


def list_adapters(root: Path) -> list[Adapter]:
    """Usable adapters directly under ``root``, newest first. Unfinished and broken folders are left out."""
    found = []
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        if (folder / CARD).is_file():
            try:
                found.append(open_adapter(folder))
            except AdapterError:
                continue
    return sorted(found, key=lambda adapter: adapter.card.created_at, reverse=True)


def find_adapter(root: Path, name: str | None = None) -> Adapter:
    """The adapter called ``name`` under ``root``, or the newest one there when no name is given.

    Raises:
        AdapterNotFound: there is none.
        AdapterIncomplete, AdapterBroken: the one that was named cannot be used.
    """
    if name is not None:
        return open_adapter(root / name)
    adapters = list_adapters(root)
    if not adapters:
        message = f"There is no adapter in {root} yet; train one with `confess finetune FILE --name NAME`."
        raise AdapterNotFound(message)
    return adapters[0]


def damaged_files(adapter: Adapter) -> list[str]:
    """Files whose bytes are not those the card marks. Reads them all."""
    return [path for path, mark in adapter.card.files.items() if _sha256(adapter.folder / path) != mark.sha256]


def _check_size(folder: Path, path: str, mark: FileMark) -> None:
    relative = PurePosixPath(path)
    if relative.is_absolute() or ".." in relative.parts:
        message = f"{folder / CARD} lists {path!r}, which is outside the folder; do not use this adapter."
        raise AdapterBroken(message)
    try:
        size = (folder / relative).stat().st_size
    except OSError as error:
        message = f"The adapter in {folder} lacks its file {path}; copy it back or train the adapter again."
        raise AdapterBroken(message) from error
    if size != mark.bytes:
        message = (
            f"{folder / relative} has {size} bytes, not the {mark.bytes} of the card; copy it again or train again."
        )
        raise AdapterBroken(message)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
