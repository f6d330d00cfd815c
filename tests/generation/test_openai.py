"""The remote engine against a real server on loopback: what it sends, and what it says when the server misbehaves."""

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from generation.adapter import Adapter
from generation.engines import Server
from generation.engines.openai_ import OpenAIGenerator
from generation.errors import EngineUnavailable, GenerationCancelled, GenerationTimeout, GeneratorBusy
from generation.generator import Request
from generation.sampling import Sampling
from tests.loopback.completions_server import Answer, CompletionsServer

SHORT = Sampling(max_tokens=8)


@pytest.fixture(scope="module")
def served(adapter: Adapter) -> Iterator[CompletionsServer]:
    with CompletionsServer(adapter, key="sesame") as server:
        yield server


@pytest.fixture
def server(served: CompletionsServer) -> CompletionsServer:
    served.answers.clear()
    served.asked.clear()
    return served


def generator(adapter: Adapter, server: CompletionsServer, **changes: object) -> OpenAIGenerator:
    options = {"base_url": server.base_url, "api_key": SecretStr("sesame"), "timeout": 20.0} | changes
    pauses: list[float] = []
    made = OpenAIGenerator(adapter, Server(**options), pause=pauses.append)  # type: ignore[arg-type]
    made.pauses = pauses  # type: ignore[attr-defined]
    return made


def pauses(made: OpenAIGenerator) -> list[float]:
    found: list[float] = made.pauses  # type: ignore[attr-defined]
    return found


def test_what_is_sent(adapter: Adapter, server: CompletionsServer) -> None:
    made = generator(adapter, server)
    sampling = Sampling(temperature=0.7, top_p=0.8, top_k=0, repetition_penalty=1.2, max_tokens=8)
    made.generate(Request(count=2, prompt="I am ", topic="Trains", seed=30, sampling=sampling))
    asked = sorted(server.asked, key=lambda body: body["seed"])
    assert [body["seed"] for body in asked] == [30, 31]
    assert asked[0] == {
        "model": "test",
        "prompt": "<|endoftext|>about: trains\nI am",
        "max_tokens": 8,
        "temperature": 0.7,
        "top_p": 0.8,
        "top_k": -1,
        "repetition_penalty": 1.2,
        "seed": 30,
        "stop": ["<|endoftext|>"],
        "logprobs": 1,
    }
    assert not made.identity.reproducible


def test_busy_is_tried_again_after_the_pause_it_asks_for(adapter: Adapter, server: CompletionsServer) -> None:
    made = generator(adapter, server)
    server.answers.extend([Answer(429, retry_after="3"), Answer(503)])
    assert len(made.generate(Request(seed=1, sampling=SHORT))) == 1
    first, second = pauses(made)
    assert 3 <= first < 4
    assert 1 <= second < 1.4


def test_busy_for_good_is_said_politely(adapter: Adapter, server: CompletionsServer) -> None:
    made = generator(adapter, server, retries=1)
    server.answers.extend([Answer(429), Answer(429)])
    with pytest.raises(GeneratorBusy, match="too busy"):
        made.generate(Request(sampling=SHORT))
    assert len(server.asked) == 2


@pytest.mark.parametrize("status", [400, 500, 502])
def test_what_may_have_been_written_is_not_asked_again(
    adapter: Adapter, server: CompletionsServer, status: int
) -> None:
    server.answers.append(Answer(status, b"<html>broken</html>"))
    with pytest.raises(EngineUnavailable, match=f"answered {status}: <html>broken"):
        generator(adapter, server).generate(Request(sampling=SHORT))
    assert len(server.asked) == 1


def test_a_wrong_key_and_a_wrong_model_are_named(adapter: Adapter, server: CompletionsServer) -> None:
    with pytest.raises(EngineUnavailable, match="refuses the key"):
        generator(adapter, server, api_key=SecretStr("wrong")).generate(Request(sampling=SHORT))
    with pytest.raises(EngineUnavailable, match="knows no model 'other'"):
        generator(adapter, server, model="other").generate(Request(sampling=SHORT))


@pytest.mark.parametrize(
    "body",
    [b"not json", b"[]", b'{"choices": []}', b'{"choices": [{"text": "a"}]}', json.dumps({"choices": 5}).encode()],
)
def test_strange_answers_are_sentences(adapter: Adapter, server: CompletionsServer, body: bytes) -> None:
    server.answers.append(Answer(body=body))
    with pytest.raises(EngineUnavailable, match=r"something else than a completion|did not answer in JSON"):
        generator(adapter, server).generate(Request(sampling=SHORT))


def test_no_answer_in_time(adapter: Adapter, server: CompletionsServer) -> None:
    server.answers.append(Answer(stall=1.5))
    began = time.monotonic()
    with pytest.raises(GenerationTimeout, match=r"within 0\.2 seconds"):
        generator(adapter, server, timeout=0.2).generate(Request(sampling=SHORT))
    assert time.monotonic() - began < 1.4
    assert len(server.asked) == 1


def test_nobody_listens(adapter: Adapter, server: CompletionsServer) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    made = generator(adapter, server, base_url=f"http://127.0.0.1:{port}/v1", retries=2)
    with pytest.raises(EngineUnavailable, match="cannot be reached"):
        made.generate(Request(sampling=SHORT))
    assert len(pauses(made)) == 2


def test_cancelled_between_two_tries(adapter: Adapter, server: CompletionsServer) -> None:
    cancelled = threading.Event()
    made = OpenAIGenerator(adapter, Server(server.base_url, SecretStr("sesame")), pause=lambda seconds: cancelled.set())
    server.answers.append(Answer(503))
    with pytest.raises(GenerationCancelled):
        made.generate(Request(sampling=SHORT), cancelled)
    assert len(server.asked) == 1


def test_the_key_is_never_shown(adapter: Adapter, server: CompletionsServer) -> None:
    made = generator(adapter, server)
    assert "sesame" not in repr(made._server)
