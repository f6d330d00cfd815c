"""How well scores order texts, and where a threshold must lie."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moderation.model.classifier import CATEGORIES

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
EXAMINED = ("any", *CATEGORIES)  # in the order of the heads
HOLD = 0.6  # from this score on the gate's own rules hold a text
_FEWEST = 8  # rows a side: with fewer nothing can be said


@dataclass(frozen=True, slots=True)
class Exam:
    """One category on one data set that nothing was trained on."""

    source: str
    head: str  # a category, or "any": the highest score of all, for what is harmful in whatever way
    rows: int
    harmful: int
    auroc: float
    auprc: float
    recall: float  # at a false-alarm rate of 5 %
    held: float  # share of harmful rows that reach 0.6 on the calibration of the other data sets
    false_alarms: float  # share of harmless rows that do


def auroc(harmful: Bools, scores: Floats) -> float:
    """Chance that a harmful text scores above a harmless one (ties count half)."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    values, places = np.unique(scores, return_inverse=True)
    ranks = (np.bincount(places, ranks) / np.bincount(places))[places] if len(values) < len(scores) else ranks
    many = int(harmful.sum())
    return float((ranks[harmful].sum() - many * (many + 1) / 2) / (many * (len(scores) - many)))


def auprc(harmful: Bools, scores: Floats) -> float:
    """Average precision: the mean precision at each harmful text, from the highest score down."""
    hits = harmful[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean())


def recall_at(harmful: Bools, scores: Floats, false_alarms: float) -> float:
    """Share of harmful texts above the threshold that this share of harmless ones passes."""
    return float((scores[harmful] > threshold_at(scores[~harmful], false_alarms)).mean())


def threshold_at(harmless: Floats, false_alarms: float) -> float:
    """The score that this share of harmless texts passes."""
    return float(np.quantile(harmless, 1 - false_alarms))


def examine(scores: Floats, labels: Floats, sources: NDArray[np.str_]) -> list[Exam]:
    """Every category on every data set that labels enough rows both ways.

    ``scores`` are (texts, 7), those for harmful in whatever way first; ``labels`` are NaN where unknown.
    """
    exams = []
    for source in sorted(set(sources.tolist())):
        here = sources == source
        for place, head in enumerate(EXAMINED):
            known = here & ~np.isnan(labels[:, place])
            harmful, found = labels[known, place] >= 0.5, scores[known, place]
            many = int(harmful.sum())
            if min(many, len(found) - many) >= _FEWEST:
                exams.append(
                    Exam(
                        source, head, len(found), many,
                        auroc(harmful, found), auprc(harmful, found), recall_at(harmful, found, 0.05),
                        float((found[harmful] >= HOLD).mean()), float((found[~harmful] >= HOLD).mean()),
                    )
                )  # fmt: skip
    return exams
