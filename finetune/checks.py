"""What the run sees when it looks at itself, and which checkpoint it keeps."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from finetune import measures
from finetune.sample import Sample
from moderation.echo import EchoIndex, copy_rate


@dataclass(frozen=True, slots=True)
class Check:
    """One look at the model on its way."""

    step: int
    epoch: float
    train_loss: float  # nats a token, mean since the last check
    loss: float  # held-out, nats a token
    bits_per_byte: float  # held-out, the end token's share included
    copied_runs: float  # share of 8-word runs in the samples that stand in the training set
    copied: float  # share of the samples with a copied span of 60 % or more of their words
    stopped: float  # share of the samples that ended by themselves
    distinct: tuple[float, float, float]  # 1-, 2- and 3-grams
    self_bleu: float
    length_gap: float  # Kolmogorov-Smirnov distance to the corpus

    def to_json(self) -> dict[str, Any]:
        """Plain dict; :meth:`from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Check":
        """The check that :meth:`to_json` wrote."""
        return cls(**data | {"distinct": tuple(data["distinct"])})


def judge(samples: Sequence[Sample], echo: EchoIndex, rows: Sequence[str]) -> dict[str, Any]:
    """The sample measures of a :class:`Check`, by field name.

    Args:
        samples: fresh ones.
        echo: index of the training rows.
        rows: some real posts, for the lengths.
    """
    texts = [sample.text for sample in samples]
    copies = copy_rate(texts, echo)
    return {
        "copied_runs": copies.ngram_share,
        "copied": copies.copied_share,
        "stopped": sum(sample.stopped for sample in samples) / max(1, len(samples)),
        "distinct": tuple(measures.distinct(texts, n) for n in (1, 2, 3)),
        "self_bleu": measures.self_bleu(texts),
        "length_gap": measures.length_gap(texts, rows),
    }


def preference(check: Check, max_copy: float) -> tuple[bool, float]:
    """Sort key of the rule: the lowest held-out loss among checkpoints that copy no more than ``max_copy``.

    Where all copy more, the one that copies least. Smaller is better.
    """
    return (True, check.copied) if check.copied > max_copy else (False, check.loss)


def best(checks: Sequence[Check], max_copy: float) -> Check:
    """The check the rule prefers; the earliest of equals."""
    return min(checks, key=lambda check: preference(check, max_copy))


def past_best(checks: Sequence[Check], patience: int) -> bool:
    """Whether the held-out loss has not fallen in the last ``patience`` checks."""
    lowest = min(range(len(checks)), key=lambda i: checks[i].loss)
    return len(checks) - 1 - lowest >= patience
