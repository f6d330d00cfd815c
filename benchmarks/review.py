"""How long a reviewer waits: the queue's pages and a decision, on a long record, through real HTTP.

The review page runs as `confess run` runs it, on loopback; a browser (httpx) opens pages and sends forms one after
another. Baselines, measured in the same run: the same page on an empty record, and for a decision the two bare SQL
statements (an UPDATE and an INSERT in one transaction) on a second SQLite file with the same durability.
"""

import asyncio
import itertools
import random
import re
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import insert

from benchmarks import report
from bot.web.app import SHOWN, create_app
from bot.web.server import WebPage
from bot.wordbook import Wordbook
from moderation.gate import default_gate
from moderation.verdict import Decision, FilterRun, Finding, Span, Verdict
from storage import posts
from storage.db import Database
from storage.lifecycle import State
from storage.models import Event, Post

TOKEN = "a token for the benchmark"
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SHARES = {State.PUBLISHED: 60, State.BLOCKED: 15, State.REJECTED: 10, State.EXPIRED: 12, State.HELD: 1}
SHARES |= {State.SHELVED: 1, State.APPROVED: 1}
HASH = "a" * 64


def main() -> None:
    """Fill two records, time them, print."""
    options = report.options(__doc__)
    count, rounds = (20_000, 60) if options.quick else (200_000, 300)
    result = report.Report(
        "review",
        options,
        baseline="the same page on an empty record; two bare SQL statements in one transaction",
        runs=f"{rounds} calls each, one after another, on SQLite with {count:,} posts",
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with record(folder / "empty.db", 0) as empty, site(empty) as browser:
            alone = report.clock(lambda: browser.get("/").raise_for_status(), runs=rounds)
        with record(folder / "full.db", count) as full:
            through_http(result, full, rounds, alone)
            below_http(result, full, rounds, bare_sql(folder / "bare.db", rounds))
    result.finish()


def through_http(result: report.Report, database: Database, rounds: int, alone: report.Times) -> None:
    """The queue, one post, and a decision, as a browser sees them."""
    held = itertools.cycle([post.number for post in posts_held(database, 2 * rounds)])
    with site(database) as browser:
        queue = report.clock(lambda: browser.get("/").raise_for_status(), runs=rounds)
        one = report.clock(lambda: browser.get(f"/posts/{next(held)}").raise_for_status(), runs=rounds)
        # What a decision costs is the form alone; the page that it was pressed on was timed above.
        forms = [(number, form(browser, number)) for number in itertools.islice(held, rounds)]
        decision = report.clock_each(
            lambda pair: browser.post(f"/posts/{pair[0]}/approve", data=pair[1], follow_redirects=False),
            forms,
            warmup=0,
        )
    result.measure("page_p50_ms", queue.p50, f"ms, the queue with {SHOWN} posts on it")
    result.measure("page_p95_ms", queue.p95, "ms")
    result.measure("page_vs_empty", queue.p50 / alone.p50, "times the page of an empty record")
    result.measure("post_p95_ms", one.p95, "ms, one post with its history")
    result.measure("decision_p50_ms", decision.p50, "ms, the form's answer")
    result.measure("decision_p95_ms", decision.p95, "ms")


def below_http(result: report.Report, database: Database, rounds: int, bare: report.Times) -> None:
    """The moves behind the pages, and the shelf's."""
    numbers = [post.number for post in posts_held(database, rounds)]

    def decide(post_id: int) -> None:
        with database.session() as session:
            posts.move(session, post_id=post_id, expect=State.HELD, to=State.APPROVED, who="web:anne", why="", now=NOW)

    def take() -> None:
        with database.session() as session:
            posts.take(session, adapter_hash=HASH, platform="discord", policy="p1", who="d", now=NOW)

    def claim() -> None:
        with database.session() as session:
            posts.claim(session, platforms=["discord"], who="publisher", now=NOW)

    moved = report.clock_each(decide, numbers, warmup=0)
    result.measure("move_p50_ms", moved.p50, "ms, decided without HTTP")
    result.measure("move_vs_bare_sql", moved.p50 / bare.p50, "times two bare statements")
    result.measure("take_p95_ms", report.clock(take, runs=rounds).p95, "ms, from the shelf")
    result.measure("claim_p95_ms", report.clock(claim, runs=rounds).p95, "ms, for sending")


def bare_sql(path: Path, rounds: int) -> report.Times:
    """What SQLite itself takes for a state change with its event, every commit safe on the disk."""
    with sqlite3.connect(path, isolation_level=None) as bare:
        bare.execute("PRAGMA journal_mode=WAL")
        bare.execute("PRAGMA synchronous=FULL")
        bare.execute("CREATE TABLE posts (id INTEGER PRIMARY KEY, state TEXT, text TEXT)")
        bare.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, post_id INTEGER, who TEXT, what TEXT)")
        bare.executemany("INSERT INTO posts (state, text) VALUES ('held', ?)", [("x" * 100,)] * rounds)

        def decide(number: int) -> None:
            bare.execute("BEGIN IMMEDIATE")
            bare.execute("UPDATE posts SET state = 'approved' WHERE id = ? AND state = 'held'", (number,))
            bare.execute("INSERT INTO events (post_id, who, what) VALUES (?, 'anne', 'approved')", (number,))
            bare.execute("COMMIT")

        return report.clock_each(decide, range(1, rounds + 1), warmup=0)


@contextmanager
def record(path: Path, count: int) -> Iterator[Database]:
    """A record with so many posts, in a mix of states as after some months."""
    url = f"sqlite:///{path}"
    Database.upgrade(url)
    database = Database.open(url)
    chance = random.Random(1)
    for begin in range(0, count, 5000):
        with database.session() as session:
            rows = [a_row(number, chance) for number in range(begin + 1, min(begin + 5000, count) + 1)]
            session.execute(insert(Post), rows)
            told: list[dict[str, Any]] = [
                {
                    "post_id": row["id"],
                    "at": NOW,
                    "who": "gate",
                    "to_state": row["state"],
                    "why": "judged",
                    "detail": {},
                }
                for row in rows
            ]
            session.execute(insert(Event), told)
    try:
        yield database
    finally:
        database.close()


def a_row(number: int, chance: random.Random) -> dict[str, Any]:
    """One post, as columns."""
    [state] = chance.choices(list(SHARES), list(SHARES.values()))
    finding = Finding("classifier", "insult", Decision.HOLD, "It may insult somebody.", Span(2, 20), 0.71, 0.6)
    runs = tuple(FilterRun(name, "1", 0.1) for name in ("shape", "wordlist", "personal", "classifier", "echo"))
    text = " ".join(
        chance.choices(["I", "never", "told", "anyone", "about", "the", "lamp", "under", "my", "bed"], k=25)
    )
    draft = posts.Draft(
        text=text, platform=chance.choice(["x", "discord"]), seed=number, adapter="fess", adapter_hash=HASH, base="nib",
        base_hash="b" * 64, engine="ctranslate2", engine_version="4.8.5", tokens=40, logprob=-90.0, decision="hold",
        policy="p1", verdict=Verdict(Decision.HOLD, (finding,), runs, {}, "p1").to_json(),
    )  # fmt: skip
    columns = {name: getattr(draft, name) for name in posts.Draft.__slots__}
    born = NOW - timedelta(minutes=number)
    return columns | {"id": number, "state": state, "version": 1, "attempts": 0, "created_at": born, "updated_at": born}


@contextmanager
def site(database: Database) -> Iterator[httpx.Client]:
    """The running page, and a browser that is signed in."""
    gate = default_gate()
    wordbook = Wordbook(Path("words.toml"), gate, clock=lambda: NOW)
    page = WebPage(create_app(database, gate, wordbook, token=TOKEN, clock=lambda: NOW), host="127.0.0.1", port=0)
    thread = threading.Thread(target=lambda: asyncio.run(page.run()))
    thread.start()
    try:
        with httpx.Client(base_url=page.address, follow_redirects=True, trust_env=False) as browser:
            browser.post("/login", data={"secret": TOKEN, "name": "anne"}).raise_for_status()
            yield browser
    finally:
        page.stop()
        thread.join()
        gate.close()


def form(browser: httpx.Client, number: int) -> dict[str, str]:
    """The hidden fields of a post's approve form."""
    found = re.search(rf'/posts/{number}/approve">(.*?)</form>', browser.get(f"/posts/{number}").text, re.S)
    assert found is not None
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', found[1]))


def posts_held(database: Database, limit: int) -> list[Post]:
    """The longest waiting posts."""
    with database.reading() as session:
        return posts.waiting(session, limit=limit)


if __name__ == "__main__":
    main()
