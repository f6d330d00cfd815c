"""A real browser, steered over its DevTools socket (https://chromedevtools.github.io/devtools-protocol/)."""

import asyncio
import itertools
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

KEYS = {"Enter": ("\r", 13), "Tab": ("", 9), "Escape": ("", 27)}  # key → (what it types, its old number)
SECONDS = 30.0


class Tab:
    """One page of a running browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._session: str | None = None
        self.complaints: list[str] = []  # errors of scripts, and what the page's own security policy refused

    async def begin(self) -> None:
        """Open an empty page."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")

    async def listen(self) -> None:
        """Hear the browser's answers, until it hangs up."""
        async for message in self._socket:
            heard = json.loads(message.data)
            if "id" in heard:
                self._waiting.pop(heard["id"]).set_result(heard)
            elif heard["method"] == "Runtime.exceptionThrown":
                self.complaints.append(heard["params"]["exceptionDetails"]["text"])
            elif heard["method"] == "Log.entryAdded" and heard["params"]["entry"]["source"] in (
                "security",
                "violation",
            ):
                self.complaints.append(heard["params"]["entry"]["text"])

    async def call(self, method: str, **params: Any) -> Any:
        """One command; what it gives back."""
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        about = {"sessionId": self._session} if self._session else {}
        await self._socket.send_json({"id": number, "method": method, "params": params, **about})
        answer = await asyncio.wait_for(self._waiting[number], SECONDS)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    async def open(self, url: str) -> None:
        """Go to an address."""
        await self.call("Page.navigate", url=url)

    async def read(self, script: str) -> Any:
        """What an expression is worth on the page."""
        answer = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        return answer["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait until an expression is true of a page that is all there."""
        async with asyncio.timeout(SECONDS):
            while True:
                try:
                    if await self.read(f"document.readyState === 'complete' && Boolean({script})"):
                        return
                except RuntimeError:  # between two pages
                    pass
                await asyncio.sleep(0.02)

    async def press(self, key: str) -> None:
        """Press and release one key of the keyboard."""
        text, number = KEYS.get(key) or (key, ord(key.upper()) if key.isalnum() else 0)
        about = {"key": key, "windowsVirtualKeyCode": number}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **about, **({"text": text} if text else {}))
        await self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    async def type(self, text: str) -> None:
        """Press one key after the other."""
        for key in text:
            await self.press(key)


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Tab]:
    """A fresh browser with one page, which keeps its things in a folder; skips the test where none is installed."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        sentence = "No Chromium is installed: on Debian or Ubuntu, apt-get install chromium."
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    process = await asyncio.create_subprocess_exec(
        program,
        "--headless=new",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
        "--no-sandbox",  # root has none; it is shown our own page only
        "--no-first-run",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-extensions",
        "--no-proxy-server",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(SECONDS):
            while b"DevTools listening on " not in (line := await process.stderr.readline()):
                assert line, "the browser has ended"
        address = line.decode().split(" on ", 1)[1].strip()
        drain = asyncio.create_task(process.stderr.read())
        async with aiohttp.ClientSession() as session, session.ws_connect(address, max_msg_size=0) as socket:
            tab = Tab(socket)
            listening = asyncio.create_task(tab.listen())
            await tab.begin()
            yield tab
            await tab.call("Browser.close")
            await listening
        await drain
    finally:
        if process.returncode is None:
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()
