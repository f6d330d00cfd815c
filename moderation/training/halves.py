"""Both halves of a classifier, and a place for finished ones, so that a training that was stopped goes on."""

import hashlib
import json
import shutil
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from scipy.sparse import csr_matrix

from moderation.training.encode import Encoded, Ints
from moderation.training.learn import Floats, Settings
from moderation.training.network import Deep
from moderation.training.wide import Wide


@dataclass(frozen=True)
class Halves:
    """Both halves, trained."""

    wide: Wide
    deep: Deep

    def predict(self, data: Encoded, features: csr_matrix, chosen: Ints, settings: Settings) -> tuple[Floats, Floats]:
        """(texts, heads) logits of the wide and of the deep half."""
        return self.wide.predict(features[chosen]), self.deep.predict(data, chosen, settings.sizes)

    def arrays(self) -> dict[str, Floats]:
        """All weights by name, those of the wide half with "wide." before it."""
        deep = {name: value.detach().numpy() for name, value in {**self.deep.tables, **self.deep.dense}.items()}
        return deep | {"wide.word": self.wide.words, "wide.piece": self.wide.pieces, "wide.bias": self.wide.bias}

    @classmethod
    def of_arrays(cls, arrays: dict[str, Floats]) -> Self:
        """The reverse of :meth:`arrays`."""
        tables = {name: torch.from_numpy(arrays[name]) for name in ("word", "piece")}
        dense = {
            name: torch.from_numpy(values)
            for name, values in arrays.items()
            if name not in tables and not name.startswith("wide.")
        }
        return cls(Wide(arrays["wide.word"], arrays["wide.piece"], arrays["wide.bias"]), Deep(tables, dense))


class Finished:
    """What an earlier run of the same training has finished and a later one need not learn again.

    A training is the same if its rows, its settings and the program are, to the byte.
    """

    def __init__(self, folder: Path, data: Encoded, start: Floats, settings: Settings) -> None:
        self._folder = folder
        self.seconds = 0.0  # of processor time that what was found here took
        digest = hashlib.sha256(json.dumps(asdict(settings)).encode())
        for file in sorted(Path(__file__).parent.glob("*.py")):
            digest.update(file.read_bytes())
        for array in (data.words, data.lengths, data.labels, data.hashes, data.piece_hashes, data.piece_counts, start):
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update("\n".join(data.sources.tolist()).encode())
        self._same = digest

    def halves(self, chosen: Ints, train: Callable[[], Halves]) -> Halves:
        """Those trained on the rows ``chosen``: what was kept of them, or else what ``train`` gives, kept now."""
        digest = self._same.copy()
        digest.update(chosen.tobytes())
        path = self._folder / f"{digest.hexdigest()[:24]}.npz"
        with suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile), np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
            self.seconds += float(arrays.pop("seconds"))
            return Halves.of_arrays(arrays)
        began = time.process_time()
        halves = train()
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as target:
            np.savez(target, allow_pickle=False, seconds=time.process_time() - began, **halves.arrays())
        partial.rename(path)
        return halves

    def forget(self) -> None:
        """Remove all of it: the training has come to its end."""
        shutil.rmtree(self._folder, ignore_errors=True)
