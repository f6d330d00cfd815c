"""The Hugging Face Hub, whichever HTTP client its library uses: httpx until 2025, httpx2 since."""

from importlib import import_module
from importlib.util import find_spec


def out_of_reach() -> tuple[type[Exception], ...]:
    """What the Hub's client raises when nobody answers."""
    clients = [import_module(name) for name in ("httpx", "httpx2") if find_spec(name)]
    return (OSError, *(client.HTTPError for client in clients))
