"""How many rows fit in one pass: by what the machine has free, and on a GPU by trying."""

import os
from pathlib import Path

import torch

from finetune.learner import Learner, recompute_activations
from finetune.tokens import Batch, Example, collate

FORMATS_KEPT = (
    20  # widths a block keeps for each token: inputs of four products, norms, activation, queries, keys, values
)
SHARE = 0.5  # of the free memory that activations may take


def rows_that_fit(learner: Learner, wanted: int, row_tokens: int) -> int:
    """Rows in one pass, at most ``wanted``: the most that memory takes, halved until it does.

    Turns on the recomputation of activations where not even one row fits without, if the recipe allows it.

    Raises:
        MemoryError, torch.OutOfMemoryError: not even one row fits.
    """
    if learner.place.device.type != "cuda":
        return max(1, min(wanted, int(SHARE * free_memory() / _bytes_of_a_token(learner) / row_tokens)))
    rows = wanted
    while True:
        try:
            learner.rehearse(_full(learner, rows, row_tokens))
            return rows
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            if rows == 1:
                if learner.recipe.checkpointing != "auto" or learner.recomputes:
                    raise
                recompute_activations(learner.model)
                learner.recomputes = True
                rows = wanted
            rows = max(1, rows // 2)


def free_memory() -> int:
    """Bytes that may be had without swapping; a guess of 4 GB where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        return int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]) * 1024
    except (OSError, StopIteration, ValueError):
        try:
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
        except (OSError, ValueError):
            return 4_000_000_000


def _bytes_of_a_token(learner: Learner) -> int:
    config = learner.model.config
    layers, width = config.num_hidden_layers, config.hidden_size
    kept = width * (2 if learner.recipe.checkpointing == "yes" else FORMATS_KEPT)
    return int(layers * kept * (2 if learner.place.bf16 else 4))


def _full(learner: Learner, rows: int, row_tokens: int) -> Batch:
    """A batch without a gap: the dearest there can be."""
    return collate([[Example([1] * row_tokens, 1)]] * rows, row_tokens, 1).to(learner.place.device)
