"""``confess db``, ``confess posts`` and ``confess review``, as a person or a script meets them."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from bot.cli import db as db_command
from bot.cli import posts as posts_command
from bot.cli import review as review_command
from moderation.verdict import Decision, Finding, Span, Verdict
from storage import posts
from storage.db import Database
from storage.errors import DatabaseNotReady, PostNotFound
from storage.lifecycle import State
from storage.models import Post
from tests.bot.terminal import Terminal
from tests.databases import NOW, a_draft, opened

NASTY = "Line\x1b[2J one [bold red]loud[/] \u202etxet \x07"


@pytest.fixture
def home(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An owner's folder, stood in, whose settings name the test's database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE__URL", sqlite_url)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def add(db: Database, text: str = "I was there.", state: State = State.HELD, **changes: Any) -> Post:
    finding = Finding("wordlist", "swearing", Decision.HOLD, "It swears.", Span(0, 4), 0.8, 0.6)
    verdict = Verdict(Decision.HOLD, (finding,), policy="p1")
    draft = a_draft(text, **{"decision": "hold", "verdict": verdict.to_json(), "platform": "x"} | changes)
    with db.session() as session:
        return posts.create(session, draft=draft, state=state, who="gate", why="It swears.", now=NOW)


def stored(db: Database, post: Post) -> Post:
    with db.reading() as session:
        return posts.get(session, post.number)


def run(app: Typer, *words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_db_upgrade_then_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE__URL", "sqlite:///record/confess.db")
    assert isinstance(run(db_command.app, "status").exception, DatabaseNotReady)
    assert "ready (applied 0001)" in run(db_command.app, "upgrade").stdout
    assert "nothing to do" in run(db_command.app, "upgrade").stdout
    with opened("sqlite:///record/confess.db") as database:
        add(database)
        add(database, state=State.BLOCKED, decision="block")
    told = run(db_command.app, "status").stdout
    assert "record/confess.db, version 0001, 2 posts." in told
    assert [line.split() for line in told.splitlines()[1:]] == [["1", "held"], ["1", "blocked"]]


@pytest.mark.usefixtures("home")
def test_posts_filters_and_pages(sqlite_db: Database) -> None:
    add(sqlite_db, "First of all.")
    add(sqlite_db, "Second to none.", State.BLOCKED, decision="block", platform="discord")
    add(sqlite_db, "Third time lucky.", adapter="other")
    everything = run(posts_command.app).stdout
    assert everything.index("Third") < everything.index("Second") < everything.index("First")

    def found(*words: str) -> list[int]:
        return [json.loads(line)["id"] for line in run(posts_command.app, *words, "--json").stdout.splitlines()]

    assert found() == [3, 2, 1]
    assert found("--state", "held") == [3, 1]
    assert found("--state", "held", "--state", "blocked") == [3, 2, 1]
    assert found("--platform", "discord") == [2]
    assert found("--adapter", "other") == [3]
    assert found("--limit", "1") == [3]
    assert found("--limit", "1", "--before", "3") == [2]
    assert "--before 3" in run(posts_command.app, "--limit", "1").stderr
    assert "No such posts" in run(posts_command.app, "--platform", "nowhere").stderr
    wrong = run(posts_command.app, "--state", "lost")
    assert wrong.exit_code == 2
    assert "lost" in wrong.stderr


@pytest.mark.usefixtures("home")
def test_posts_show_tells_the_whole_life(sqlite_db: Database) -> None:
    post = add(sqlite_db, "Damn it all.", prompt="Damn", requester="discord:1", slot="daily@1")
    run(review_command.app, "approve", str(post.id), "--reason", "fair enough")
    with sqlite_db.session() as session:
        posts.claim(session, platforms=None, who="publisher", now=NOW)
        posts.move(
            session, post_id=post.number, expect=State.SENDING, to=State.PUBLISHED, who="publisher", why="sent",
            now=NOW, remote_id="77", remote_url="https://x.com/i/status/77", published_at=NOW,
        )  # fmt: skip
    told = run(posts_command.app, "show", str(post.id)).stdout
    for fact in ("Damn it all.", "daily@1", "discord:1", "a" * 64, "b" * 64, "temperature 0.9", "It swears.",
                 "0.80 of 0.60", "held → approved", "fair enough", "sending → published", "https://x.com/i/status/77",
                 "ctranslate2 4.8.5", "77"):  # fmt: skip
        assert fact in told, fact
    whole = json.loads(run(posts_command.app, "show", str(post.id), "--json").stdout)
    assert [event["to_state"] for event in whole["events"]] == ["held", "approved", "sending", "published"]
    assert whole["verdict"]["findings"][0]["span"] == {"start": 0, "end": 4}
    assert whole["decided_by"].startswith("terminal:")
    assert list(whole)[:3] == ["id", "state", "version"]
    assert isinstance(run(posts_command.app, "show", "404").exception, PostNotFound)


@pytest.mark.usefixtures("home")
def test_hostile_text_does_nothing_to_the_terminal(sqlite_db: Database) -> None:
    post = add(sqlite_db, NASTY, prompt=NASTY, requester=NASTY)
    number = str(post.id)
    for app, words in (
        (posts_command.app, []),
        (posts_command.app, ["show", number]),
        (posts_command.app, ["show", number, "--json"]),
        (posts_command.app, ["--json"]),
        (review_command.app, []),
        (review_command.app, ["show", number]),
        (review_command.app, ["reject", number, "--reason", NASTY]),
    ):
        shown = run(app, *words).output
        assert not {"\x1b", "\u202e", "\x07"} & set(shown), (words, shown)
        if words[:1] != ["reject"]:
            assert "[bold red]loud[/]" in shown, words


@pytest.mark.usefixtures("home")
def test_review_by_number(sqlite_db: Database) -> None:
    yes, no, late = add(sqlite_db, "Yes."), add(sqlite_db, "No."), add(sqlite_db, "Late.")
    listed = run(review_command.app).stdout  # no terminal: a list
    assert listed.index("Yes.") < listed.index("No.") < listed.index("Late.")
    assert "It swears." in run(review_command.app, "show", str(yes.id)).stdout
    assert run(review_command.app, "reject", str(no.id)).exit_code == 2  # a reason is not optional
    assert run(review_command.app, "reject", str(no.id), "--reason", "tone").exit_code == 0
    mixed = run(review_command.app, "approve", str(no.id), str(yes.id), "404")
    assert mixed.exit_code == 1
    assert mixed.stdout == f"Post {yes.id} is approved.\n"
    assert f"decided on post {no.id} at" in mixed.stderr
    assert "There is no post 404" in mixed.stderr
    assert (stored(sqlite_db, yes).state, stored(sqlite_db, no).state) == (State.APPROVED, State.REJECTED)
    assert stored(sqlite_db, late).state is State.HELD
    with sqlite_db.reading() as session:
        assert posts.events(session, no.number)[-1].why == "tone"


@pytest.mark.usefixtures("home")
def test_editing_is_judged_and_stays_held(sqlite_db: Database) -> None:
    post = add(sqlite_db, "Damn it all.")
    done = run(review_command.app, "edit", str(post.id), "--text", "I like it all.")
    assert "is changed and judged" in done.stdout
    after = stored(sqlite_db, post)
    assert (after.text, after.original_text, after.state) == ("I like it all.", "Damn it all.", State.HELD)
    assert after.lease_by is None
    refused = run(review_command.app, "edit", str(post.id), "--text", "Write to anne.smith@example.org now.")
    assert "blocks the new text" in str(refused.exception)
    assert stored(sqlite_db, post).text == "I like it all."


@pytest.mark.usefixtures("home")
def test_an_editor_that_is_missing_or_fails_changes_nothing(
    sqlite_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = add(sqlite_db)
    monkeypatch.delenv("VISUAL", raising=False)
    for editor in ("false", "/no/such/editor"):
        monkeypatch.setenv("EDITOR", editor)
        failed = run(review_command.app, "edit", str(post.id))
        assert failed.exit_code == 1
        assert "nothing is changed" in failed.output
    after = stored(sqlite_db, post)
    assert (after.text, after.version, after.lease_by) == (post.text, 1, None)


def test_a_sitting_at_the_keyboard(home: Path, sqlite_url: str, sqlite_db: Database) -> None:
    approved, rejected, edited, skipped, leased, last = (add(sqlite_db, f"Post number {n}.") for n in range(1, 7))
    with sqlite_db.session() as session:
        from datetime import timedelta

        from bot.cli.record import clock

        now = clock()
        posts.lease(session, post_id=leased.number, who="discord:9", until=now + timedelta(minutes=10), now=now)
    editor = home / "editor.py"
    editor.write_text("import sys; open(sys.argv[1], 'w').write('Better words.')")
    env = {"DATABASE__URL": sqlite_url, "EDITOR": f"{sys.executable} {editor}", "VISUAL": ""}
    program = "from bot.cli.review import app; app()"
    terminal = Terminal([sys.executable, "-c", program], cwd=home, env=env)
    terminal.wait_for("Post number 1.")
    terminal.press("a", "Post number 2.")
    terminal.press("r", "Why not?")
    terminal.type("rude\n", "Post number 3.")
    terminal.press("e", "Better words.")
    terminal.press("a", "Post number 4.")
    terminal.press("s", "Post number 6.")
    terminal.press("q", "Decided on 3; 3 still waiting.")
    assert terminal.close() == 0
    states = [stored(sqlite_db, post).state for post in (approved, rejected, edited, skipped, leased, last)]
    assert states == [State.APPROVED, State.REJECTED, State.APPROVED, State.HELD, State.HELD, State.HELD]
    assert stored(sqlite_db, edited).text == "Better words."
    assert [stored(sqlite_db, post).lease_by for post in (skipped, leased, last)] == [None, "discord:9", None]
    with sqlite_db.reading() as session:
        assert posts.events(session, rejected.number)[-1].why == "rude"


def test_ctrl_c_gives_the_post_back(home: Path, sqlite_url: str, sqlite_db: Database) -> None:
    post = add(sqlite_db)
    program = "from bot.cli.review import app; app()"
    terminal = Terminal([sys.executable, "-c", program], cwd=home, env={"DATABASE__URL": sqlite_url})
    terminal.wait_for("[q]uit")
    assert stored(sqlite_db, post).lease_by is not None
    terminal.press("\x03", "Decided on 0; 1 still waiting.")
    assert terminal.close() == 0
    assert stored(sqlite_db, post).lease_by is None


@pytest.mark.parametrize("app", [db_command.app, posts_command.app, review_command.app])
def test_help_tells_what_it_is_for(app: Typer) -> None:
    shown = run(app, "--help")
    assert shown.exit_code == 0
    assert "Commands" in shown.stdout
