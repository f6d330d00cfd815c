"""The protocol every engine speaks: a request in, whole texts out."""

import threading
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from generation.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a generator."""

    count: int = 1  # how many texts
    prompt: str = ""  # the post begins with this; it is part of the text that comes back
    topic: str | None = None  # the post is about this; it is not part of the text
    seed: int = 0  # text i is drawn with seed + i
    sampling: Sampling = field(default_factory=Sampling)
    more: tuple[int, ...] = ()  # seeds of further texts: the same wish of other people, written in the same batch

    @property
    def seeds(self) -> list[int]:
        """Of all texts, in the order in which they come back."""
        return [*range(self.seed, self.seed + self.count), *self.more]

    def same_wish(self, other: "Request") -> bool:
        """Whether only the seeds differ, so that one batch can serve both."""
        return (self.prompt, self.topic, self.sampling) == (other.prompt, other.topic, other.sampling)


@dataclass(frozen=True, slots=True)
class Generated:
    """One text, as the model wrote it."""

    text: str  # prompt included, end-of-text and header not
    seed: int  # this text's own
    tokens: int  # how many were drawn
    stopped: bool  # it ended by itself; one that did not is never posted
    logprob: float  # sum of the natural-log probabilities of the tokens drawn


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is speaking; stored with every post, so that a text can be regenerated."""

    adapter: str  # name
    adapter_hash: str  # fingerprint of the adapter's files
    base: str  # "nib", "gpt2", a Hub id, a folder
    base_hash: str
    engine: str  # "transformers", "ctranslate2", "openai"
    engine_version: str
    reproducible: bool  # the same request gives the same text, whatever else is in the batch


@runtime_checkable
class Generator(Protocol):
    """Turns prompts into texts with an adapter. Blocking; call it from a thread."""

    identity: Identity

    def generate(self, request: Request, cancelled: threading.Event | None = None) -> list[Generated]:
        """A text for each of ``request.seeds``, in that order, written in one batch.

        Raises:
            GenerationCancelled: ``cancelled`` was set.
            EngineUnavailable: the engine's server or library is out of reach.
        """
        ...

    def close(self) -> None:
        """Give back memory and connections."""
        ...
