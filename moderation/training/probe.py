"""Examining finished weights, as they ship: on hand-written sentences, and on posts known to be harmless."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from moderation.model.classifier import CATEGORIES, Classifier
from moderation.normalise import normalise
from moderation.training.measure import HOLD, auroc


@dataclass(frozen=True, slots=True)
class Probe:
    """One head on the sentences written for it."""

    head: str
    harmful: int  # sentences
    harmless: int
    auroc: float
    held: float  # share of the harmful sentences that reach 0.6
    false_alarms: float  # share of the others that do: harmless ones on any head, other ones on this


def probe(classifier: Classifier) -> list[Probe]:
    """Every category on ``templates/probes.toml``."""
    text = files("moderation.training").joinpath("templates", "probes.toml").read_text("utf-8")
    written: dict[str, Any] = tomllib.loads(text)
    found = []
    for place, head in enumerate(CATEGORIES):
        yes, no, other = (written[head].get(side, []) for side in ("yes", "no", "other"))
        scores = classifier.scores([normalise(line) for line in (*yes, *no, *other)])
        harmful = np.arange(len(scores)) < len(yes)
        reached = scores >= HOLD
        own, last = len(yes), len(yes) + len(no)
        alarms = np.concatenate([reached[own:last].any(axis=1), reached[last:, place]])
        rank = auroc(harmful, scores[:, place])
        held, false = float(reached[harmful, place].mean()), float(alarms.mean())
        found.append(Probe(head, own, len(alarms), rank, held, false))
    return found


def false_alarms(classifier: Classifier, posts: Sequence[str]) -> dict[str, float]:
    """Share of harmless posts on which each category, and any, reaches 0.6."""
    scores = classifier.scores([normalise(post) for post in posts])
    shares = {head: float((scores[:, place] >= HOLD).mean()) for place, head in enumerate(CATEGORIES)}
    return {"posts": len(posts), "any": float((scores.max(axis=1) >= HOLD).mean()), **shares}
