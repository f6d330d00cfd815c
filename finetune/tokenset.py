"""Encoded posts on disk, memory-mapped: a million of them cost a few bytes each in memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from finetune.corpus import Row
from finetune.progress import Progress, Update
from finetune.tokens import Example, encode
from generation.prompt import PromptFormat

TELL_EVERY = 2000  # posts


class TokenSet(Sequence[Example]):
    """The examples of some rows, in their order, in an Arrow file (the ``datasets`` library's)."""

    def __init__(self, table: Any) -> None:
        """A view of a dataset that :meth:`of` made."""
        self._table = table
        self.lengths: NDArray[np.uint32] = np.asarray(table.data.column("length"))  # tokens
        self.sizes: NDArray[np.uint32] = np.asarray(table.data.column("bytes"))  # of the post in UTF-8

    @classmethod
    def of(
        cls,
        rows: Sequence[Row],
        tokenizer: Any,
        prompt: PromptFormat,
        folder: Path,
        *,
        topics: float,
        seed: int,
        fingerprint: str,
        progress: Progress,
    ) -> "TokenSet":
        """Encode rows into ``folder``, or read what an earlier process of the same run left there.

        Args:
            rows: to encode.
            tokenizer: the base's.
            prompt: what stands before and after a post.
            folder: for the Arrow file.
            topics: share of posts with a header.
            seed: of the headers.
            fingerprint: of all the above; hexadecimal.
            progress: hears how many posts are done.
        """
        import datasets

        datasets.disable_progress_bars()
        shape = datasets.Features(
            {
                "ids": datasets.List(datasets.Value("uint32")),
                "head": datasets.Value("uint16"),
                "length": datasets.Value("uint32"),
                "bytes": datasets.Value("uint32"),
            }
        )

        def lines() -> Iterator[dict[str, Any]]:
            for done, (example, size) in enumerate(encode(rows, tokenizer, prompt, topics=topics, seed=seed), 1):
                if done % TELL_EVERY == 0 or done == len(rows):
                    progress(Update("tokens", done, len(rows)))
                yield {"ids": example.ids, "head": example.head, "length": example.length, "bytes": size}

        folder.mkdir(parents=True, exist_ok=True)
        return cls(
            datasets.Dataset.from_generator(lines, features=shape, cache_dir=str(folder), fingerprint=fingerprint)
        )

    def vocabulary(self) -> NDArray[np.int64]:
        """Every token that occurs, each once, ascending."""
        import pyarrow.compute as pc

        return np.unique(pc.list_flatten(self._table.data.column("ids")).unique().to_numpy()).astype(np.int64)

    def fitting(self, capacity: int) -> NDArray[np.intp]:
        """Places of the examples of at most ``capacity`` tokens."""
        return np.flatnonzero(self.lengths <= capacity)

    def __len__(self) -> int:
        """How many examples there are."""
        return len(self.lengths)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        """One example, or some."""
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        found = self._table[int(index)]
        return Example(found["ids"], found["head"])
