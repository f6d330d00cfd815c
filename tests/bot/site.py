"""The running review page, and a browser for each reviewer."""

import asyncio
import re
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from bot.web.app import create_app
from bot.web.server import WebPage
from bot.wordbook import Wordbook
from moderation.gate import Gate
from moderation.verdict import Decision, Finding, Span, Verdict
from storage import posts
from storage.db import Database
from storage.lifecycle import State
from storage.models import Post
from tests.databases import NOW, a_draft

TOKEN = "a long and secret token"


class Clock:
    """Time that passes when told to."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


class Site:
    """The running page, and a browser for each reviewer."""

    def __init__(self, database: Database, gate: Gate) -> None:
        self.db = database
        self.clock = Clock()
        self.words = Path(database.name).parent / "words.toml"
        self.app = create_app(
            database, gate, Wordbook(self.words, gate, clock=self.clock), token=TOKEN, clock=self.clock
        )
        self.page = WebPage(self.app, host="127.0.0.1", port=0)
        self._thread = threading.Thread(target=lambda: asyncio.run(self.page.run()))
        self._thread.start()
        self._browsers: list[httpx.Client] = []

    def browser(self, name: str | None = "anne") -> httpx.Client:
        """A fresh browser, signed in under a name."""
        browser = httpx.Client(base_url=self.page.address, follow_redirects=True, trust_env=False)
        self._browsers.append(browser)
        if name is not None:
            answer = browser.post("/login", data={"secret": TOKEN, "name": name})
            assert answer.status_code == 200, answer.text
        return browser

    def close(self) -> None:
        for browser in self._browsers:
            browser.close()
        self.page.stop()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def hold(self, text: str = "Damn, I was there.", **changes: Any) -> Post:
        finding = Finding("wordlist", "swearing", Decision.HOLD, "It swears.", Span(0, 4), 0.8, 0.6)
        draft = a_draft(
            text, decision="hold", platform="x", verdict=Verdict(Decision.HOLD, (finding,)).to_json(), **changes
        )
        with self.db.session() as session:
            return posts.create(session, draft=draft, state=State.HELD, who="gate", why="It swears.", now=NOW)

    def stored(self, post: Post) -> Post:
        with self.db.reading() as session:
            return posts.get(session, post.number)


def fields(answer: httpx.Response, act: str) -> dict[str, str]:
    """The hidden fields of the first of a page's forms that does this."""
    form, *_ = re.findall(rf'<form[^>]*action="/(?:posts/\d+|words)/{act}">(.*?)</form>', answer.text, re.S)
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
