"""What does a server elsewhere say? Optional second opinions over HTTP, each within its time.

Every text that these see leaves this machine, so that none is on unless the owner names a server. A server that is
down, slow or talks nonsense raises, and the gate holds the text.
"""

from typing import Any

import httpx

from moderation.context import Context
from moderation.errors import FilterError, FilterTimeout, FilterUnavailable
from moderation.normalise import Normalised
from moderation.policy import CLASSIFIED
from moderation.verdict import Decision, Finding

_SURE = 0.5  # a category that has no thresholds of ours counts from here

# https://platform.openai.com/docs/guides/moderation (omni-moderation): their categories → ours.
_OPENAI = {
    "harassment": "insult",
    "harassment/threatening": "threat",
    "hate": "hate",
    "hate/threatening": "hate",
    "illicit": "guard",
    "illicit/violent": "threat",
    "self-harm": "selfharm",
    "self-harm/intent": "selfharm",
    "self-harm/instructions": "selfharm",
    "sexual": "sexual",
    "sexual/minors": "minors",
    "violence": "threat",
    "violence/graphic": "threat",
}


class Server:
    """A JSON server behind a base URL; its failures are ours."""

    version = "1"

    def __init__(self, name: str, base_url: str, key: str | None, timeout: float) -> None:
        self.name = name
        self.timeout = timeout
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # The gate's own limit covers the whole call; httpx's covers each step of it, so that the thread comes back.
        self._client = httpx.Client(base_url=base_url.rstrip("/") + "/", headers=headers, timeout=timeout)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, path: str, body: dict[str, Any]) -> Any:
        where = self._client.base_url
        try:
            response = self._client.post(path, json=body)
            response.raise_for_status()
            return response.json()
        except httpx.TimeoutException:
            raise FilterTimeout(f"the server at {where} gave no answer in {self.timeout:g} s") from None
        except httpx.HTTPStatusError as error:
            raise FilterUnavailable(f"the server at {where} answers {error.response.status_code}") from None
        except httpx.HTTPError as error:
            raise FilterUnavailable(f"the server at {where} cannot be reached ({type(error).__name__})") from None
        except ValueError:
            raise FilterError(f"the server at {where} does not answer in JSON") from None

    def told(self, category: str, what: str, score: float | None) -> Finding:
        return Finding(self.name, category, Decision.HOLD, f"{self.name} says: {what}.", None, score)

    def _scored(self, labels: dict[str, tuple[str, float]]) -> list[Finding]:
        """Findings for our categories, from category → (their label, score)."""
        return [
            self.told(category, label, score)
            for category, (label, score) in labels.items()
            if category in CLASSIFIED or score >= _SURE
        ]


def _keep_worst(labels: dict[str, tuple[str, float]], category: str, label: str, score: float) -> None:
    if category not in labels or score > labels[category][1]:
        labels[category] = (label, score)


class OpenAIModeration(Server):
    """OpenAI's moderation endpoint (`POST /moderations`)."""

    def __init__(self, base_url: str, key: str, *, model: str = "omni-moderation-latest", timeout: float = 5.0) -> None:
        """`base_url` ends in `/v1`; `timeout` is in seconds, all in all."""
        super().__init__("openai", base_url, key, timeout)
        self.version = model
        self._model = model

    def judge(self, text: Normalised, context: Context) -> list[Finding]:
        """A finding for each of our categories, with the highest of their scores that belong to it."""
        answer = self.ask("moderations", {"model": self._model, "input": text.original})
        labels: dict[str, tuple[str, float]] = {}
        try:
            for label, score in answer["results"][0]["category_scores"].items():
                if score is not None:
                    _keep_worst(labels, _OPENAI.get(label, "guard"), label, min(max(float(score), 0.0), 1.0))
        except (KeyError, IndexError, TypeError, AttributeError, ValueError):
            raise FilterError("the moderation endpoint's answer has no scores") from None
        if not labels:
            raise FilterError("the moderation endpoint's answer has no scores")
        return self._scored(labels)


class HubClassifier(Server):
    """A Hugging Face text classifier behind their inference API or one's own server (text-embeddings-inference)."""

    def __init__(
        self, url: str, key: str | None, labels: dict[str, str], *, timeout: float = 5.0, name: str = "hub"
    ) -> None:
        """`url` is the whole address that takes `{"inputs": …}`; `labels` maps the model's labels to categories."""
        super().__init__(name, url, key, timeout)
        self._url = url
        self._labels = {label.lower(): category for label, category in labels.items()}

    def judge(self, text: Normalised, context: Context) -> list[Finding]:
        """A finding for each category whose label the model gave."""
        answer = self.ask(self._url, {"inputs": text.original})
        rows = answer[0] if isinstance(answer, list) and answer and isinstance(answer[0], list) else answer
        labels: dict[str, tuple[str, float]] = {}
        try:
            for row in rows:
                category = self._labels.get(str(row["label"]).lower())
                if category is not None:
                    _keep_worst(labels, category, str(row["label"]), min(max(float(row["score"]), 0.0), 1.0))
        except (KeyError, TypeError, ValueError):
            raise FilterError("the classifier's answer has no labels and scores") from None
        if not labels:
            raise FilterError("the classifier gave none of the labels it was asked for")
        return self._scored(labels)
