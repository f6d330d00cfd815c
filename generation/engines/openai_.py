"""The engine of any OpenAI-compatible completions server, such as vLLM with the LoRA as a model name.

One request a text, each with its own seed, many at once: the server puts them into one batch. Top-k and repetition
penalty are vLLM's extra fields (docs.vllm.ai, "Extra Parameters"). A server rounds otherwise in another batch and may
draw otherwise in another version, so this engine does not promise the same text again.
"""

import json
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from generation.adapter import Adapter
from generation.engines import Server
from generation.errors import EngineUnavailable, GenerationCancelled, GenerationTimeout, GeneratorBusy
from generation.generator import Generated, Identity, Request

_LONGEST_PAUSE = 10.0  # seconds between two tries
_LARGEST_ANSWER = 1_000_000  # bytes; a post is a few hundred


class OpenAIGenerator:
    """Speaks through ``POST {base_url}/completions``."""

    identity: Identity

    def __init__(self, adapter: Adapter, server: Server, *, pause: Callable[[float], object] = time.sleep) -> None:
        """Nothing is sent before the first request.

        Args:
            adapter: whose prompt format and name are used; its weights stay on the server.
            server: where it is.
            pause: waits for some seconds between two tries.
        """
        self._prompt = adapter.prompt
        self._server = server
        self._pause = pause
        self._model = server.model or adapter.name
        key = server.api_key.get_secret_value() if server.api_key else ""
        self._client = httpx.Client(
            base_url=server.base_url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(server.timeout, connect=min(server.timeout, 5.0)),
            limits=httpx.Limits(max_connections=server.parallel),
        )
        self.identity = Identity(
            adapter=adapter.name,
            adapter_hash=adapter.hash,
            base=adapter.card.base,
            base_hash=adapter.card.base_hash,
            engine="openai",
            engine_version=f"{self._model} at {httpx.URL(server.base_url).host}",
            reproducible=False,
        )

    def generate(self, request: Request, cancelled: threading.Event | None = None) -> list[Generated]:
        """A text for each of ``request.seeds``; see :class:`generation.generator.Generator`.

        Raises:
            GenerationCancelled: ``cancelled`` was set.
            GenerationTimeout: the server did not answer in time.
            GeneratorBusy: it is too busy, also after some tries.
            EngineUnavailable: it cannot be reached, refuses the key or the model, or says what we do not understand.
        """
        seeds = request.seeds
        with ThreadPoolExecutor(max_workers=min(len(seeds), self._server.parallel)) as pool:
            futures = [pool.submit(self._one, request, seed, cancelled) for seed in seeds]
            try:
                return [future.result() for future in futures]
            except Exception:
                pool.shutdown(cancel_futures=True)
                raise

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _one(self, request: Request, seed: int, cancelled: threading.Event | None) -> Generated:
        prompt = self._prompt.clean(request.prompt).rstrip()
        sampling = request.sampling
        body = {
            "model": self._model,
            "prompt": self._prompt.head(request.topic) + prompt,
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k or -1,
            "repetition_penalty": sampling.repetition_penalty,
            "seed": seed,
            "stop": [self._prompt.end],
            "logprobs": 1,
        }
        answer = self._ask(body, cancelled)
        try:
            choice = answer["choices"][0]
            told = [
                float(value) for value in (choice["logprobs"] or {}).get("token_logprobs") or () if value is not None
            ]
            return Generated(
                text=prompt + str(choice["text"]),
                seed=seed,
                tokens=int(answer["usage"]["completion_tokens"]),
                stopped=choice["finish_reason"] == "stop",
                logprob=sum(told),
            )
        except (KeyError, IndexError, TypeError, ValueError) as error:
            message = f"{self._where} answered with something else than a completion ({error!r}); is it a vLLM server?"
            raise EngineUnavailable(message) from error

    def _ask(self, body: dict[str, Any], cancelled: threading.Event | None) -> Any:
        """One answer. Tried again only where the server has not begun to write: refused connections and "busy"."""
        for attempt in range(self._server.retries + 1):
            if cancelled is not None and cancelled.is_set():
                raise GenerationCancelled("The texts were no longer wanted.")
            last = attempt == self._server.retries
            try:
                response = self._client.post("completions", json=body)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if last:
                    message = f"{self._where} cannot be reached ({error}); start it, or set ENGINE__BASE_URL."
                    raise EngineUnavailable(message) from error
                self._wait(attempt, None)
                continue
            except httpx.TimeoutException as error:
                message = f"{self._where} gave no text within {self._server.timeout:g} seconds."
                raise GenerationTimeout(message) from error
            except httpx.HTTPError as error:
                raise EngineUnavailable(f"{self._where} broke off: {error!r}") from error
            if response.status_code in (429, 503):
                if last:
                    raise GeneratorBusy(f"{self._where} is too busy ({response.status_code}); try again later.")
                self._wait(attempt, response.headers.get("Retry-After"))
                continue
            return self._read(response)
        raise AssertionError("the last try returns or raises")

    def _read(self, response: httpx.Response) -> Any:
        if response.status_code in (401, 403):
            raise EngineUnavailable(f"{self._where} refuses the key ({response.status_code}); set ENGINE__API_KEY.")
        if response.status_code == 404:
            message = f"{self._where} knows no model {self._model!r}; name one of its models with ENGINE__MODEL."
            raise EngineUnavailable(message)
        if response.status_code != 200 or len(response.content) > _LARGEST_ANSWER:
            said = response.text[:200].replace("\n", " ")
            raise EngineUnavailable(f"{self._where} answered {response.status_code}: {said}")
        try:
            return response.json()
        except json.JSONDecodeError as error:
            raise EngineUnavailable(f"{self._where} did not answer in JSON ({error}).") from error

    def _wait(self, attempt: int, asked: str | None) -> None:
        """Exponential pause with jitter, so that many texts do not come back at the same moment."""
        seconds = float(asked) if asked and asked.replace(".", "", 1).isdigit() else 0.5 * 2**attempt
        self._pause(min(seconds, _LONGEST_PAUSE) * random.uniform(1.0, 1.3))

    @property
    def _where(self) -> str:
        return f"The completions server at {self._server.base_url}"
