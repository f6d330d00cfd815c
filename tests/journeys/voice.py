"""A third implementation of the generator's protocol: it says what it is given, in the order of seeds."""

import threading
from collections.abc import Sequence

from generation.generator import Generated, Identity, Request


class Voice:
    """Speaks one line a seed. It repeats itself, and never fails."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = list(lines)
        self.identity = Identity(
            adapter="voice",
            adapter_hash="f" * 16,
            base="none",
            base_hash="0" * 16,
            engine="voice",
            engine_version="1",
            reproducible=True,
        )

    def generate(self, request: Request, cancelled: threading.Event | None = None) -> list[Generated]:
        """Lines from the seed's on, after the prompt."""
        seeds = request.seeds
        texts = [f"{request.prompt} {self.lines[seed % len(self.lines)]}".strip() for seed in seeds]
        return [
            Generated(
                text=text, seed=seed, tokens=len(text.split()) + 1, stopped=True, logprob=-2.0 * len(text.split())
            )
            for seed, text in zip(seeds, texts, strict=True)
        ]

    def close(self) -> None:
        """Nothing to give back."""
