"""Does it read as an insult, hate, sexual, a threat, self-harm or spam? The embedded classifier's six scores."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from moderation.context import Context
from moderation.model.classifier import CATEGORIES, SHIPPED, Classifier
from moderation.normalise import Normalised
from moderation.verdict import Decision, Finding

_REASONS = {
    "insult": "It reads as an insult.",
    "hate": "It reads as hatred of people for what they are.",
    "sexual": "It reads as sexual.",
    "threat": "It reads as a threat or a call for violence.",
    "selfharm": "It reads as talk of self-harm.",
    "spam": "It reads as advertising or a scam.",
}
_SHOWN = 0.5  # from this score on a finding points at the word that weighs most


class ClassifierFilter:
    """Always six findings, one a category; the policy decides which scores matter."""

    name = "classifier"

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self.version = classifier.version

    @classmethod
    def open(cls, path: Path = SHIPPED) -> Self:
        """With the weights in ``path``. Raises FilterUnavailable."""
        return cls(Classifier.open(path))

    def judge(self, text: Normalised, context: Context) -> list[Finding]:
        """Six findings with scores from 0 to 1."""
        return self.judge_many([text], context)[0]

    def judge_many(self, texts: Sequence[Normalised], context: Context) -> list[list[Finding]]:
        """Six findings for each text."""
        scores = self._classifier.scores(texts).tolist()
        return [self._findings(text, row) for text, row in zip(texts, scores, strict=True)]

    def _findings(self, text: Normalised, scores: Sequence[float]) -> list[Finding]:
        return [
            Finding(
                "classifier",
                category,
                Decision.ALLOW,
                _REASONS[category],
                self._classifier.weightiest(text, category) if score >= _SHOWN else None,
                round(score, 4),
            )
            for category, score in zip(CATEGORIES, scores, strict=True)
        ]
