"""A real terminal for tests: a program on a pseudo-terminal, read and typed at."""

import os
import pty
import re
import select
import subprocess
import termios
import time
from pathlib import Path

_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A program that believes it talks to a person."""

    def __init__(self, command: list[str], *, cwd: Path, env: dict[str, str]) -> None:
        ours, theirs = pty.openpty()
        self._ours = ours
        size = {"COLUMNS": "100", "LINES": "40", "TERM": "xterm"}
        self.process = subprocess.Popen(
            command, cwd=cwd, env=os.environ | size | env, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
        )
        os.close(theirs)
        self._read = 0
        self.screen = ""

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Read until a text appears that was not read before."""
        assert self._seen(text, seconds), f"{text!r} did not come; on the screen:\n{self.screen}"

    def press(self, key: str, then: str) -> None:
        """Press one key once the program listens for keys (what comes earlier is thrown away); wait for the answer."""
        end = time.monotonic() + 60
        while termios.tcgetattr(self._ours)[3] & termios.ICANON:
            assert time.monotonic() < end, f"nobody waits for a key; on the screen:\n{self.screen}"
            time.sleep(0.01)
        self.type(key, then)

    def type(self, line: str, then: str) -> None:
        """Type a line; wait for the answer."""
        os.write(self._ours, line.encode())
        self.wait_for(then)

    def close(self) -> int:
        """Wait for the program's end; its exit status."""
        status = self.process.wait(30)
        os.close(self._ours)
        return status

    def _seen(self, text: str, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while True:
            place = self.screen.find(text, self._read)
            if place >= 0:
                self._read = place + len(text)
                return True
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._ours], [], [], left)[0]:
                return False
            try:
                chunk = os.read(self._ours, 65536)
            except OSError:  # the program ended
                return text in self.screen[self._read :]
            self.screen += _CODES.sub("", chunk.decode("utf-8", "replace"))
