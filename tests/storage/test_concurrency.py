"""Many at once: threads, processes, and one that dies in the middle."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from storage import posts
from storage.db import Database
from storage.errors import StaleMove
from storage.lifecycle import State
from tests.databases import NOW, a_draft, opened

HASH = a_draft().adapter_hash

CLAIMER = """
import sys
from storage import posts
from storage.db import Database
from tests.databases import NOW
db = Database.open(sys.argv[1])
sys.stdin.readline()
while True:
    with db.session() as session:
        cleared = posts.claim(session, platforms=None, who=sys.argv[2], now=NOW)
    if cleared is None:
        break
    print(cleared.id, flush=True)
"""

DYING = """
import sys, time
from storage import posts
from storage.db import Database
from storage.lifecycle import State
from tests.databases import NOW, a_draft
db = Database.open(sys.argv[1])
with db.session() as session:
    posts.move(session, post_id=1, expect=State.HELD, to=State.APPROVED, who="dying", why="", now=NOW)
    posts.create(session, draft=a_draft("half written"), state=State.HELD, who="dying", why="", now=NOW)
    print("in the middle", flush=True)
    time.sleep(60)
"""


def fill(db: Database, count: int, state: State) -> set[int]:
    with db.session() as session:
        return {
            posts.create(session, draft=a_draft(f"Post {n}."), state=state, who="gate", why="", now=NOW).number
            for n in range(count)
        }


def all_at_once(count: int, deed: Callable[[int], int | None]) -> list[int | None]:
    """Run a deed in this many threads that start together."""
    gate = threading.Barrier(count)

    def run(number: int) -> int | None:
        gate.wait()
        return deed(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_a_thousand_takers_get_different_posts_or_none(db: Database) -> None:
    takers, stock = 1000, 950
    shelved = fill(db, stock, State.SHELVED)

    def take(number: int) -> int | None:
        with db.session() as session:
            post = posts.take(
                session, adapter_hash=HASH, platform="console", policy="p1", who=f"discord:{number}", now=NOW
            )
            return post.number if post else None

    taken = [post_id for post_id in all_at_once(takers, take) if post_id is not None]
    assert len(taken) == stock
    assert set(taken) == shelved
    with db.reading() as session:
        assert posts.counts(session)[State.APPROVED] == stock
        assert all(len(posts.events(session, post_id)) == 2 for post_id in taken[:20])


def test_of_many_deciders_one_wins(db: Database) -> None:
    [post_id] = fill(db, 1, State.HELD)

    def decide(number: int) -> int | None:
        to = State.APPROVED if number % 2 else State.REJECTED
        try:
            with db.session() as session:
                posts.move(session, post_id=post_id, expect=State.HELD, to=to, who=f"person {number}", why="", now=NOW)
        except StaleMove:
            return None
        return number

    [winner] = [number for number in all_at_once(20, decide) if number is not None]
    with db.reading() as session:
        post, told = posts.get(session, post_id), posts.events(session, post_id)
    assert post.decided_by == f"person {winner}"
    assert [event.who for event in told] == ["gate", f"person {winner}"]


def test_processes_never_claim_the_same_post(url: str, db: Database) -> None:
    approved = fill(db, 60, State.APPROVED)
    claimers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMER, url, f"publisher {n}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for n in range(3)
    ]  # fmt: skip
    answers = [claimer.communicate("go\n", timeout=60) for claimer in claimers]
    assert [error for _, error in answers] == ["", "", ""]
    claimed = [int(line) for out, _ in answers for line in out.split()]
    assert len(claimed) == len(approved)
    assert set(claimed) == approved


def test_kill_9_in_the_middle_of_a_transaction_leaves_nothing_of_it(url: str, db: Database) -> None:
    [post_id] = fill(db, 1, State.HELD)
    with subprocess.Popen([sys.executable, "-c", DYING, url], stdout=subprocess.PIPE, text=True) as dying:
        assert dying.stdout is not None
        assert dying.stdout.readline() == "in the middle\n"
        with db.reading() as session:  # a reader neither waits nor sees
            assert posts.get(session, post_id).state is State.HELD
        dying.send_signal(signal.SIGKILL)
    with opened(url) as afterwards:
        with afterwards.session() as session:  # and a writer gets in at once
            posts.move(session, post_id=post_id, expect=State.HELD, to=State.REJECTED, who="a", why="no", now=NOW)
        with afterwards.reading() as session:
            assert [event.who for event in posts.events(session, post_id)] == ["gate", "a"]
            assert sum(posts.counts(session).values()) == 1
