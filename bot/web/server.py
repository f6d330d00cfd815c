"""The review page as a service of the runner."""

import contextlib
import logging
import os
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the runner's are the house's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle's waiting off; without, each page takes 40 ms longer.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere this would let two programs share the port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening


class WebPage:
    """Serves the review page until told to stop."""

    def __init__(self, app: FastAPI, *, host: str, port: int) -> None:
        """Takes the port at once, so that a second copy is told before anything runs.

        Raises:
            OSError: the address cannot be had; the text says why.
        """
        try:
            self._socket = _listen(host, port)
        except OSError as error:
            raise OSError(
                f"The review page cannot listen on {host}:{port} ({error.strerror}): set WEB__HOST or WEB__PORT."
            ) from None
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=5
        )
        self._server = _Server(config)

    @property
    def address(self) -> str:
        """Where to point a browser."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    async def run(self) -> None:
        """Serve until :meth:`stop`."""
        log.info("The review page is at %s", self.address, extra={"action": "web"})
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            self._socket.close()

    def stop(self) -> None:
        """Finish the requests in hand, take no more."""
        self._server.should_exit = True
