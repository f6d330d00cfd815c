"""Examining finished weights, as they ship: on texts written for that, and on posts known to be harmless."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from moderation.model.classifier import CATEGORIES, Classifier
from moderation.normalise import normalise
from moderation.training.measure import HOLD, auroc

KINDS = ("sentences", "requests", "posts", "long")


@dataclass(frozen=True, slots=True)
class Probe:
    """One head on the texts of one kind written for it."""

    kind: str
    head: str
    harmful: int  # texts
    harmless: int
    auroc: float
    held: float  # share of the harmful texts that reach 0.6
    false_alarms: float  # share of the others that do: harmless ones on any head, other ones on this


def probes(kind: str) -> dict[str, dict[str, list[str]]]:
    """The texts of a kind: for each head those to hold (``yes``), harmless ones (``no``), others' (``other``)."""
    text = files("moderation.training").joinpath("templates", "probes", f"{kind}.toml").read_text("utf-8")
    written: dict[str, dict[str, list[str]]] = tomllib.loads(text)
    return written


def probe(classifier: Classifier) -> list[Probe]:
    """Every category on every kind of ``templates/probes/``."""
    return [each for kind in KINDS for each in _probe(classifier, kind)]


def _probe(classifier: Classifier, kind: str) -> list[Probe]:
    written = probes(kind)
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
        found.append(Probe(kind, head, own, len(alarms), rank, held, false))
    return found


def false_alarms(classifier: Classifier, posts: Sequence[str]) -> dict[str, float]:
    """Share of harmless posts on which each category, and any, reaches 0.6."""
    scores = classifier.scores([normalise(post) for post in posts])
    shares = {head: float((scores[:, place] >= HOLD).mean()) for place, head in enumerate(CATEGORIES)}
    return {"posts": len(posts), "any": float((scores.max(axis=1) >= HOLD).mean()), **shares}
