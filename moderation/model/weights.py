"""The classifier's weights on disk: one npz without pickle, its tables in eight bits."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moderation.errors import FilterUnavailable

FORMAT = 1
TABLES = ("word", "piece", "wide.word", "wide.piece")  # 8 bits, one scale a column; the rest 16 bits
DENSE = (
    "patterns.weight", "patterns.bias", "hidden.weight", "hidden.bias", "out.weight", "out.bias", "wide.bias",
)  # fmt: skip

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Weights:
    """What the classifier computes with."""

    tables: Mapping[str, NDArray[np.int8]]
    scales: Mapping[str, Floats]  # what one step of a table's column is worth
    dense: Mapping[str, Floats]
    about: Mapping[str, Any]  # "version", "heads", "slope" and "offset" of each head's calibration


def save(path: Path, arrays: Mapping[str, Floats], about: Mapping[str, Any]) -> None:
    """Write weights, the tables rounded to 8 bits. The same arrays give the same bytes."""
    kept: dict[str, NDArray[Any]] = {name: arrays[name].astype(np.float16) for name in DENSE}
    for name in TABLES:
        scale = np.maximum(np.abs(arrays[name]).max(axis=0) / 127, 1e-8).astype(np.float32)
        kept[name] = np.round(arrays[name] / scale).astype(np.int8)
        kept[f"{name}.scale"] = scale
    kept["about"] = np.frombuffer(json.dumps({"format": FORMAT, **about}, sort_keys=True).encode(), np.uint8)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **kept)
    partial.rename(path)


def load(path: Path) -> Weights:
    """Read weights. Raises FilterUnavailable when they are missing, damaged or of another version."""
    try:
        with np.load(path, allow_pickle=False) as file:
            about: Any = json.loads(file["about"].tobytes())
            if about["format"] != FORMAT:
                raise ValueError(f"format {about['format']}, not {FORMAT}")
            return Weights(
                {name: file[name] for name in TABLES},
                {name: file[f"{name}.scale"].astype(np.float32) for name in TABLES},
                {name: file[name].astype(np.float32) for name in DENSE},
                about,
            )
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise FilterUnavailable(f"The classifier's weights {path} cannot be read ({error}): install again.") from error
