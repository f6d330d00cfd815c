"""Putting the heads on one scale, by how often harmless texts reach a score.

A threshold learned on one data set does not fit another: what transfers best is how harmless text scores, because that
is what a bot's owner has plenty of. So 0.6, where the gate's own rules begin to hold, is what three harmless texts
in 2,000 reach, and 0.2 what one in 10 does, for every head. (Below 0.6 the classifier lets most heads fall faster.)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moderation.model.classifier import HEADS

ANCHORS = ((0.2, 0.1), (0.6, 0.0015))  # (score, share of harmless texts that reach it)
_STEEPEST = 6.0  # logits a unit of spread: a head that harmless text never moves must not become a switch


@dataclass(frozen=True)
class Calibration:
    """slope · logit + offset are a score's log-odds; a slope and an offset for each head."""

    slope: list[float]
    offset: list[float]


NEUTRAL = Calibration([1.0] * len(HEADS), [0.0] * len(HEADS))


def calibrate(harmless: NDArray[np.float32], sources: NDArray[np.str_]) -> Calibration:
    """Fit both anchors on the (texts, heads) logits of harmless texts that nothing was trained on.

    ``sources`` names where each text is from; all sources count the same, however many texts they have.
    """
    if not len(harmless):
        return NEUTRAL
    _, source, sizes = np.unique(sources, return_inverse=True, return_counts=True)
    weights = 1 / sizes[source]
    slopes, offsets = [], []
    (low, often), (high, seldom) = ANCHORS
    for logits in harmless.T:
        often_at, seldom_at = np.quantile(logits, [1 - often, 1 - seldom], weights=weights, method="inverted_cdf")
        slope = min(_STEEPEST, (_logit(high) - _logit(low)) / max(seldom_at - often_at, 1e-3))
        slopes.append(round(float(slope), 6))
        offsets.append(round(float(_logit(high) - slope * seldom_at), 6))
    return Calibration(slopes, offsets)


def _logit(share: float) -> float:
    return float(np.log(share / (1 - share)))
