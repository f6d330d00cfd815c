"""Training the deep half: AdamW, a masked loss, data sets weighted against drowning each other."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from moderation.training.encode import Encoded, Ints, Sizes
from moderation.training.network import Deep, batch_of

Tell = Callable[[int, int], None]  # steps done, steps in all
Floats = NDArray[np.float32]
_LIGHTER = {"spans": 0.5, "rest": 0.5}  # parts of rows that are learned from as a whole already


@dataclass(frozen=True)
class Settings:
    """How the classifier is trained."""

    sizes: Sizes = field(default_factory=Sizes)
    wide_penalty: float = 3e-6  # L2 of the wide half's plain model
    strict_penalty: float = 8e-5  # and of its strict one
    wide_epochs: int = 6
    deep_share: float = 0.3  # what the deep half counts beside the wide one, in units of spread
    epochs: int = 8
    batch: int = 512
    rate: float = 3e-3
    word_rate: float = 0.1  # of that rate for the word vectors, so that words no label taught stay near their like
    decay: float = 0.01  # weight decay of the dense layers
    table_decay: float = 0.0  # and of the hashed tables
    word_drop: float = 0.15  # share of words dropped from each text
    dropout: float = 0.3
    smoothing: float = 0.03  # labels are moved this far from 0 and 1: data sets disagree
    typical: int = 8000  # rows of a data set that weighs 1 a row; larger ones weigh less, smaller ones more
    vector_size: float = 0.5  # length of the word vectors that the deep half starts from
    seed: int = 1


def train_deep(data: Encoded, chosen: Ints, settings: Settings, start: Floats | None, tell: Tell) -> Deep:
    """The deep half, trained on the rows ``chosen``. The same seed and data give the same bytes (CPU, one thread)."""
    torch.manual_seed(settings.seed)
    chance = np.random.default_rng(settings.seed)
    deep = Deep.new(settings.sizes, start)
    groups = [
        {"params": list(deep.dense.values()), "weight_decay": settings.decay},
        {"params": [deep.tables["piece"]], "weight_decay": settings.table_decay},
        {"params": [deep.tables["word"]], "weight_decay": settings.table_decay},
    ]
    rates = (settings.rate, settings.rate, settings.rate * settings.word_rate)
    optimiser = torch.optim.AdamW(groups, lr=settings.rate)
    weights = torch.from_numpy(row_weights(data, chosen, settings.typical))
    labels = torch.from_numpy(data.labels)
    size = min(settings.batch, len(chosen))
    steps = settings.epochs * (len(chosen) // size)
    step = 0
    for _ in range(settings.epochs):
        order = chance.permutation(chosen)
        for first in range(0, len(order) - size + 1, size):
            rows = order[first : first + size]
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * min(1.0, (step + 1) / 50) * max(0.02, 1 - step / steps)
            logits = deep.logits(batch_of(data, rows, settings.sizes, settings.word_drop, chance), settings.dropout)
            wanted = labels[rows]
            target = torch.nan_to_num(wanted) * (1 - 2 * settings.smoothing) + settings.smoothing
            losses = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
            loss = (losses * ~torch.isnan(wanted) * weights[rows][:, None]).sum() / size
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step += 1
            if step % 20 == 0 or step == steps:
                tell(step, steps)
    return deep


def row_weights(data: Encoded, chosen: Ints, typical: int) -> Floats:
    """What each row weighs, so that a large data set does not drown a small one."""
    counts = Counter(data.sources[chosen].tolist())
    weight = {
        source: float(np.clip((typical / count) ** 0.5, 0.4, 3.0)) * _LIGHTER.get(source, 1.0)
        for source, count in counts.items()
    }
    return np.array([weight.get(str(source), 0.0) for source in data.sources], np.float32)
