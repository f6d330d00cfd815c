"""How the next token is drawn."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sampling:
    """Options of the draw; the defaults suit short posts from a small model.

    Raises:
        ValueError: an option is out of its range; the message names it.
    """

    temperature: float = 0.9  # > 0; 0 means greedy
    top_p: float = 0.95  # nucleus: smallest set of tokens with this mass (Holtzman et al. 2020, arXiv:1904.09751)
    top_k: int = 50  # at most this many tokens; 0 means all (Fan et al. 2018, arXiv:1805.04833)
    repetition_penalty: float = 1.1  # 1 means none (Keskar et al. 2019, arXiv:1909.05858)
    max_tokens: int = 120  # a text that has not ended by itself by then is thrown away, not cut

    def __post_init__(self) -> None:
        checks = {
            "temperature must be 0 (greedy) or more": self.temperature >= 0,
            "top_p must be above 0 and at most 1": 0 < self.top_p <= 1,
            "top_k must be 0 (all) or more": self.top_k >= 0,
            "repetition_penalty must be above 0": self.repetition_penalty > 0,
            "max_tokens must be 1 or more": self.max_tokens >= 1,
        }
        for sentence, holds in checks.items():
            if not holds:
                raise ValueError(sentence)

    def to_json(self) -> dict[str, Any]:
        """Plain dict for the record."""
        return asdict(self)
