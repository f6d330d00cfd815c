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


def rounded(arrays: Mapping[str, Floats], about: Mapping[str, Any]) -> Weights:
    """Weights as they are kept: the tables in 8 bits, the rest in 16."""
    scales = {name: np.maximum(np.abs(arrays[name]).max(axis=0) / 127, 1e-8).astype(np.float32) for name in TABLES}
    return Weights(
        {name: np.round(arrays[name] / scales[name]).astype(np.int8) for name in TABLES},
        scales,
        {name: arrays[name].astype(np.float16).astype(np.float32) for name in DENSE},
        about,
    )


def save(path: Path, weights: Weights) -> None:
    """Write weights. The same ones give the same bytes."""
    kept: dict[str, NDArray[Any]] = {name: weights.dense[name].astype(np.float16) for name in DENSE}
    for name in TABLES:
        kept[name], kept[f"{name}.scale"] = weights.tables[name], weights.scales[name]
    about = json.dumps({"format": FORMAT, **weights.about}, sort_keys=True)
    kept["about"] = np.frombuffer(about.encode(), np.uint8)
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
