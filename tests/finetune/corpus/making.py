"""Small real files for corpus tests."""

import gzip
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from finetune.corpus import Corpus, Drop, ReadOptions, read

ALL = ReadOptions(least_characters=0)

POSTS = (
    "I told the dentist I floss, and the dentist told me he believes in fairies too.",
    "My neighbour waters the plastic plants on my balcony. I have let it go on for two years.",
    "The cat has a second family across the road. They call him Gerald and feed him salmon.",
    "I answered an email from 2019 today as if no time at all had passed. They replied at once.",
    "We named the printer after the boss because neither of them ever works on a Monday.",
)


def read_all(path: Path, options: ReadOptions = ALL) -> Corpus:
    """Read one path without refusing a small corpus."""
    return read([path], options)


def texts(path: Path, options: ReadOptions = ALL) -> list[str]:
    """The texts that come out of a path."""
    return [row.text for row in read([path], options).rows]


def drops(path: Path, options: ReadOptions = ALL) -> list[Drop]:
    """The drops of a path, in order."""
    found: list[Drop] = []
    read([path], options, dropped=found.append)
    return found


def write(path: Path, content: str | bytes) -> Path:
    """Write a file as it is, newlines untouched."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_json(path: Path, value: Any) -> Path:
    """Write a JSON file."""
    return write(path, json.dumps(value, ensure_ascii=False, indent=1))


def write_lines(path: Path, values: Sequence[Any]) -> Path:
    """Write a JSON-lines file."""
    return write(path, "".join(json.dumps(value) + "\n" for value in values))


def records(tmp_path: Path) -> Path:
    """A corpus with authors: two posts are Ada's."""
    rows = [{"text": post, "author": "Ada" if n in (1, 3) else "Bo"} for n, post in enumerate(POSTS)]
    return write_lines(tmp_path / "posts.jsonl", rows)


def write_zip(path: Path, files: Mapping[str, Any]) -> Path:
    """Write a compressed zip archive; each content is text or bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def zeros_gz(size: int) -> bytes:
    """A gzip file that unpacks to `size` bytes of "a"."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=9) as file:
        block = b"a" * (1 << 20)
        for _ in range(size >> 20):
            file.write(block)
    return buffer.getvalue()
