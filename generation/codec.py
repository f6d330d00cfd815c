"""Between text and tokens, for the engines that run the model themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

from generation.adapter import Adapter
from generation.errors import AdapterBroken, GenerationError
from generation.generator import Request


class PromptTooLong(GenerationError):
    """The words asked for leave no room for a post."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a request's texts begin."""

    head: list[int]  # begin mark and topic header: not part of the text
    prompt: list[int]  # the first tokens of the text

    @property
    def ids(self) -> list[int]:
        """What the model reads first."""
        return [*self.head, *self.prompt]


class Codec:
    """An adapter's tokenizer and prompt format."""

    def __init__(self, adapter: Adapter) -> None:
        """Read ``tokenizer.json`` and ``prompt.json``.

        Raises:
            AdapterBroken: one is missing or unreadable, or its end mark is no token of the tokenizer.
        """
        path = adapter.folder / "tokenizer.json"
        try:
            self._tokenizer: Any = Tokenizer.from_file(str(path))
        except Exception as error:
            message = f"{path} cannot be read ({error}); copy it back or train the adapter again."
            raise AdapterBroken(message) from error
        self._prompt = adapter.prompt
        self.end = self.token(self._prompt.end, path.as_posix())
        self.size: int = self._tokenizer.get_vocab_size()

    def token(self, mark: str, where: str) -> int:
        """The id of a special token."""
        found: int | None = self._tokenizer.token_to_id(mark)
        if found is None:
            message = f"{where} does not know the token {mark!r} of prompt.json; train the adapter again."
            raise AdapterBroken(message)
        return found

    def start(self, request: Request, *, positions: int) -> tuple[Start, int]:
        """Where the texts begin, and how many tokens may be drawn after it.

        Head and prompt become tokens apart, as at training time. White space at the prompt's end is dropped:
        it belongs to the next word's token. Marks of the format inside the person's words are dropped too.

        Args:
            request: what is asked.
            positions: longest sequence that the model can read.

        Raises:
            PromptTooLong: there is no room for a post after it.
        """
        start = Start(
            head=self._encode(self._prompt.head(request.topic)),
            prompt=self._encode(self._prompt.clean(request.prompt).rstrip()),
        )
        room = positions - len(start.ids)
        if room < 1:
            message = (
                f"The prompt and topic have {len(start.ids)} tokens, and this model reads {positions} in all; "
                "say it in fewer words."
            )
            raise PromptTooLong(message)
        return start, min(room, request.sampling.max_tokens)

    def names(self, ids: Sequence[int]) -> list[str]:
        """Each token's own spelling, which CTranslate2 takes instead of ids."""
        return [self._tokenizer.id_to_token(token) for token in ids]

    def text(self, start: Start, drawn: Sequence[int]) -> str:
        """The text: prompt and what was drawn, without the end mark."""
        told = drawn[:-1] if drawn and drawn[-1] == self.end else drawn
        text: str = self._tokenizer.decode([*start.prompt, *told], skip_special_tokens=True)
        return text

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids
