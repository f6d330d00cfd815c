"""The servers that the gate may ask, on 127.0.0.1: OpenAI's moderation endpoint, a guard model, a text classifier.

Each answers as the service's own documentation shows, by looking for a word or two; none of them judges anything.
"""

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class JudgesServer:
    """Serves the three routes while its ``with`` block runs."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any], str | None]] = []  # path, body, Authorization
        self.stall = 0.0  # seconds before each answer
        self.status = 200
        self.raw: bytes | None = None  # sent instead of the answer
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.asked.append((self.path, body, self.headers.get("Authorization")))
                time.sleep(server.stall)
                answer = json.dumps(_answer(self.path, body)).encode() if server.raw is None else server.raw
                self.send_response(server.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                with suppress(BrokenPipeError):  # a client that did not wait
                    self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the library's name)
                """Quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


def _answer(path: str, body: dict[str, Any]) -> Any:
    if path == "/v1/moderations":
        return _moderation(body["input"])
    if path == "/v1/chat/completions":
        said = body["messages"][-1]["content"]
        verdict = "unsafe\nS10,S1" if "wolves" in said else "safe"
        return {"choices": [{"index": 0, "message": {"role": "assistant", "content": f"\n\n{verdict}"}}]}
    bad = 0.97 if "wolves" in body["inputs"] else 0.02
    return [[{"label": "toxic", "score": bad}, {"label": "neutral", "score": 1 - bad}]]


def _moderation(text: str) -> dict[str, Any]:
    """https://platform.openai.com/docs/api-reference/moderations: one result, a score for each category."""
    score = 0.98 if "wolves" in text else 0.001
    names = ("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent")
    more = ("self-harm", "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence")
    scores = dict.fromkeys((*names, *more, "violence/graphic"), 0.0001) | {"harassment": score}
    flags = {name: value > 0.5 for name, value in scores.items()}
    result = {"flagged": any(flags.values()), "categories": flags, "category_scores": scores}
    return {"id": "modr-1", "model": "omni-moderation-latest", "results": [result]}
