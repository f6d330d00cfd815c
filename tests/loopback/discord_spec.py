"""Discord's own OpenAPI description, to hold both sides of the loopback to: what we send, and what the server answers.

https://github.com/discord/discord-api-spec. The file is not in this repository; tests that want it skip without it.
"""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

PLACE = Path(__file__).parents[3] / "shared" / "specs" / "discord-openapi.json"
URI = "urn:discord"


class DiscordSpec:
    """The description, read from a file."""

    def __init__(self, path: Path = PLACE) -> None:
        self._document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        resource = DRAFT202012.create_resource(self._document)
        self._registry: Registry[Any] = Registry().with_resource(URI, resource)
        templates = [template.strip("/").split("/") for template in self._document["paths"]]
        # "@original" and the like come before "{message_id}".
        self._templates = sorted(templates, key=lambda parts: sum(part.startswith("{") for part in parts))

    def wrong_request(self, method: str, path: str, body: Any) -> list[str]:
        """What is wrong with a request's body, by the description; nothing when it says nothing."""
        operation = self._operation(method, path)
        if operation is None:
            return [f"there is no {method} {path}"]
        at, spec = operation
        if body is None:
            return ["a body is missing"] if spec.get("requestBody", {}).get("required") else []
        return self._wrong(body, f"{at}/requestBody/content/application~1json/schema")

    def wrong_answer(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """What is wrong with an answer, by the description."""
        operation = self._operation(method, path)
        if operation is None:
            return [f"there is no {method} {path}"]
        at, spec = operation
        if str(status) not in spec["responses"]:
            return [f"{method} {path} never answers {status}"]
        content = spec["responses"][str(status)].get("content")
        return self._wrong(body, f"{at}/responses/{status}/content/application~1json/schema") if content else []

    def _operation(self, method: str, path: str) -> tuple[str, dict[str, Any]] | None:
        parts = path.strip("/").split("/")
        for template in self._templates:
            pairs = zip(template, parts, strict=False)
            if len(template) == len(parts) and all(one.startswith("{") or one == other for one, other in pairs):
                name = "/" + "/".join(template)
                if method.lower() in self._document["paths"][name]:
                    pointer = f"{URI}#/paths/{name.replace('/', '~1')}/{method.lower()}"
                    return pointer, self._document["paths"][name][method.lower()]
        return None

    def _wrong(self, body: Any, reference: str) -> list[str]:
        validator = Draft202012Validator({"$ref": _quoted(reference)}, registry=self._registry)
        return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(body)]


def _quoted(reference: str) -> str:
    """JSON pointers in a fragment write braces and the at sign in percent."""
    return reference.replace("{", "%7B").replace("}", "%7D").replace("@", "%40")
