"""The engines, opened by name; each brings in its library only when it is asked for."""

import logging
from dataclasses import dataclass

from pydantic import SecretStr

from generation.adapter import Adapter
from generation.errors import EngineUnavailable
from generation.generator import Generator

log = logging.getLogger(__name__)

ENGINES = ("ctranslate2", "transformers", "openai")


@dataclass(frozen=True, slots=True)
class Server:
    """Where an OpenAI-compatible completions server is, and how long to wait for it."""

    base_url: str = "http://127.0.0.1:8000/v1"
    api_key: SecretStr | None = None
    model: str | None = None  # the LoRA's name there; the adapter's name when None
    timeout: float = 60.0  # seconds for one text
    retries: int = 3  # after "busy" and refused connections only
    parallel: int = 16  # texts asked for at once; the server puts them in one batch


def open_generator(
    adapter: Adapter,
    *,
    engine: str | None = None,
    device: str = "cpu",
    threads: int = 0,
    base: str | None = None,
    server: Server | None = None,
) -> Generator:
    """The generator for an adapter.

    Args:
        adapter: an open adapter.
        engine: one of :data:`ENGINES`; None or "auto" for the card's own, and transformers where that one's files
            are not in the folder.
        device: "cpu", "cuda", "mps" or "auto"; the openai engine has none.
        threads: CPU threads; 0 lets the engine choose.
        base: folder or Hub id of the adapter's base, for the transformers engine, when the card's name is neither.
        server: for the openai engine.

    Raises:
        EngineUnavailable: there is no such engine, its library is not installed, or it cannot run this adapter here.
        AdapterBroken: a file that it reads is damaged.
    """
    wanted = engine if engine not in (None, "auto") else adapter.card.engine
    if engine in (None, "auto") and wanted == "ctranslate2" and not adapter.has("ctranslate2/"):
        wanted = "transformers"
        log.warning(
            "adapter %s has no ctranslate2 folder (%s); transformers speaks for it, more slowly",
            adapter.name,
            adapter.card.engine_why or "it was not converted",
            extra={"action": "engine-fallback", "adapter": adapter.name},
        )
    if wanted == "ctranslate2":
        from generation.engines.ctranslate import CTranslateGenerator

        return CTranslateGenerator(adapter, device=device, threads=threads)
    if wanted == "transformers":
        try:
            from generation.engines.transformers_ import TransformersGenerator
        except ImportError as error:
            message = "The transformers engine needs torch, transformers and peft: pip install 'confessional[train]'."
            raise EngineUnavailable(message) from error
        return TransformersGenerator(adapter, base=base, device=device, threads=threads)
    if wanted == "openai":
        from generation.engines.openai_ import OpenAIGenerator

        return OpenAIGenerator(adapter, server or Server())
    message = f"There is no engine {wanted!r}; choose one of {', '.join(ENGINES)}."
    raise EngineUnavailable(message)
