"""An OpenAI-compatible completions server on 127.0.0.1 with a real model behind it."""

import json
import threading
import time
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from generation.adapter import Adapter
from generation.codec import PromptTooLong
from generation.engines.ctranslate import CTranslateGenerator
from generation.generator import Request
from generation.sampling import Sampling


@dataclass(frozen=True)
class Answer:
    """What one request gets instead of a completion."""

    status: int = 200
    body: bytes = b"{}"
    retry_after: str | None = None
    stall: float = 0.0  # seconds before it


class CompletionsServer:
    """Serves ``POST /v1/completions`` while its ``with`` block runs."""

    def __init__(self, adapter: Adapter, *, key: str | None = None) -> None:
        self._adapter = adapter
        self._generator = CTranslateGenerator(adapter, threads=1)
        self._lock = threading.Lock()
        self.key = key
        self.answers: deque[Answer] = deque()  # used up first, one a request
        self.asked: list[dict[str, Any]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = server.answer(self.path, self.headers.get("Authorization"), body)
                time.sleep(answer.stall)
                self.send_response(answer.status)
                if answer.retry_after:
                    self.send_header("Retry-After", answer.retry_after)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the library's name)
                """Quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def base_url(self) -> str:
        """What a client is pointed at."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def answer(self, path: str, authorization: str | None, body: dict[str, Any]) -> Answer:
        """The answer to one request."""
        with self._lock:
            self.asked.append(body)
            if self.answers:
                return self.answers.popleft()
        if path != "/v1/completions" or body["model"] != self._adapter.name:
            return Answer(404, b'{"error": {"message": "The model does not exist."}}')
        if self.key is not None and authorization != f"Bearer {self.key}":
            return Answer(401, b'{"error": {"message": "Unauthorized"}}')
        prompt = body["prompt"].removeprefix(self._adapter.prompt.begin)
        sampling = Sampling(
            temperature=body["temperature"],
            top_p=body["top_p"],
            top_k=max(0, body["top_k"]),
            repetition_penalty=body["repetition_penalty"],
            max_tokens=body["max_tokens"],
        )
        try:
            with self._lock:
                [text] = self._generator.generate(Request(1, prompt=prompt, seed=body["seed"], sampling=sampling))
        except PromptTooLong as error:
            return Answer(400, json.dumps({"error": {"message": str(error)}}).encode())
        choice = {
            "index": 0,
            "text": text.text[len(prompt) :],
            "finish_reason": "stop" if text.stopped else "length",
            "logprobs": {"token_logprobs": [text.logprob / text.tokens] * text.tokens},
        }
        answer = {"object": "text_completion", "choices": [choice], "usage": {"completion_tokens": text.tokens}}
        return Answer(body=json.dumps(answer).encode())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._generator.close()
