"""``confess screen`` and ``confess gate``, as a person or a script meets them."""

import json
import subprocess
import sys
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from bot.cli import gate as gate_command
from bot.cli.screen import screen
from moderation.errors import CalibrationError, PolicyError, WordlistError
from moderation.gate import default_gate
from moderation.policy import CLASSIFIED
from storage import posts
from storage.db import Database
from storage.lifecycle import State
from tests.databases import NOW, a_draft

screen_app = Typer()
screen_app.command()(screen)


@pytest.fixture
def home(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An owner's folder, stood in, whose settings name the test's database and a word list."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE__URL", sqlite_url)
    monkeypatch.setenv("GATE__WORDS", "words.toml")
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path


def run(app: Typer, *words: str, text: str = "") -> Result:
    return CliRunner().invoke(app, list(words), input=text)


def judged(*texts: str, options: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    result = run(screen_app, "--jsonl", *options, text=lines)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def add(database: Database, text: str, *, decided: State | None = None) -> None:
    """A post on record, judged as it is judged today, and decided on by a person if so wished."""
    verdict = default_gate().judge(text)
    born = {"allow": State.APPROVED, "hold": State.HELD, "block": State.BLOCKED}[verdict.decision.value]
    draft = a_draft(text, verdict=verdict.to_json(), decision=verdict.decision.value, platform="console")
    with database.session() as session:
        post = posts.create(session, draft=draft, state=born, who="gate", why="", now=NOW)
        if decided is not None:
            changes: dict[str, Any] = {"decided_by": "terminal:ann", "decided_at": NOW}
            posts.move(
                session, post_id=post.number, expect=born, to=decided, who="terminal:ann", why="", now=NOW, **changes
            )


@pytest.mark.usefixtures("home")
def test_screen_shows_filter_span_and_reason() -> None:
    told = run(screen_app, "You f*ck, ring 020 7946 0958").stdout
    assert "✗ block" in told
    for piece in ("wordlist", "swearing", "4-8", "personal", "phone", "15-28", "It contains a telephone number."):
        assert piece in told


@pytest.mark.usefixtures("home")
def test_screen_is_safe_with_a_hostile_text() -> None:
    told = run(screen_app, "Line\x1b[2J [bold red]loud[/] \u202etxet").stdout
    assert "\x1b" not in told and "\u202e" not in told
    assert "[bold red]loud[/]" in told


@pytest.mark.usefixtures("home")
def test_screen_judges_as_for_a_place() -> None:
    assert [row["decision"] for row in judged("hello there")] == ["allow"]
    assert [row["decision"] for row in judged("hello there", options=("--platform", "x"))] == ["hold"]
    assert [row["decision"] for row in judged("what a shitty day")] == ["hold"]
    assert [row["decision"] for row in judged("what a shitty day", options=("--platform", "discord", "--nsfw"))] == [
        "allow"
    ]


def test_screen_takes_another_policy(home: Path) -> None:
    (home / "new.toml").write_text('[policy.rules]\nswearing = "block"\n')
    assert judged("shitty", options=("--policy", "new.toml"))[0]["decision"] == "block"
    assert isinstance(run(screen_app, "hello", "--policy", "gone.toml").exception, PolicyError)


@pytest.mark.usefixtures("home")
def test_jsonl_answers_in_order_with_six_scores_and_spans() -> None:
    texts = [f"Confession number {number}, with {'a shitty ' * (number % 2)}ending." for number in range(700)]
    rows = judged(*texts)
    assert [row["decision"] for row in rows] == ["hold" if number % 2 else "allow" for number in range(700)]
    assert all(set(row["scores"]) == set(CLASSIFIED) for row in rows)
    assert all(0 <= score <= 1 for row in rows for score in row["scores"].values())
    start, end = rows[1]["findings"][0]["span"]
    assert texts[1][start:end] == "shitty"


@pytest.mark.usefixtures("home")
def test_a_bad_line_is_told_in_its_place_and_the_rest_is_judged() -> None:
    lines = '{"text": "I iron my socks.", "id": 7}\nnot json\n\n[1]\n{"text": 5}\n{"text": "I was there."}\n'
    result = run(screen_app, "--jsonl", text=lines)
    assert result.exit_code == 1
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row.get("decision") for row in rows] == ["allow", None, None, None, "allow"]
    assert rows[0]["id"] == 7
    assert [row["line"] for row in rows if "error" in row] == [2, 4, 5]
    assert rows[1]["error"].startswith("Line 2 is not JSON")


@pytest.mark.usefixtures("home")
def test_a_line_is_answered_before_the_next_one_comes() -> None:
    program = "from bot.cli.screen import screen; import typer; typer.run(screen)"
    command = [sys.executable, "-c", program, "--jsonl"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        for text in ("I iron my socks.", "I was there."):
            process.stdin.write(json.dumps({"text": text}).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["decision"] == "allow"
        process.stdin.write(b"\xff\xfe\n")
        process.stdin.close()
        assert "not UTF-8" in json.loads(process.stdout.readline())["error"]
        assert process.wait(30) == 1


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("words", [(), ("text", "--jsonl")], ids=["neither", "both"])
def test_screen_wants_a_text_or_a_stream(words: tuple[str, ...]) -> None:
    assert run(screen_app, *words).exit_code == 2


def test_words_are_put_in_listed_and_taken_out(home: Path) -> None:
    assert run(gate_command.app, "words", "add", "crumpet", "--tier", "block", "--why", "we were sued").exit_code == 0
    assert judged("a crumpet")[0]["decision"] == "block"
    told = run(gate_command.app, "words", "list").stdout
    assert "crumpet" in told and "block" in told and "we were sued" in told and "terminal:" in told
    run(gate_command.app, "words", "remove", "crumpet")
    assert judged("a crumpet")[0]["decision"] == "allow"
    assert "crumpet" in run(gate_command.app, "words", "list", "--removed").stdout
    assert [row["word"] for row in tomllib.loads((home / "words.toml").read_text())["removed"]] == ["crumpet"]
    assert isinstance(run(gate_command.app, "words", "remove", "scone").exception, WordlistError)


def test_calibrate_by_corpus_shows_and_writes(home: Path) -> None:
    with resources.as_file(resources.files("finetune") / "corpora" / "confessions.csv") as corpus:
        told = run(gate_command.app, "calibrate", str(corpus), "--budget", "2%")
        assert told.exit_code == 0, told.output
        assert "asked for: at most 2.00%" in told.stdout
        assert not (home / "confess.toml").exists()
        assert run(gate_command.app, "calibrate", str(corpus), "--budget", "0.02", "--write").exit_code == 0
    written = (home / "confess.toml").read_text()
    assert set(tomllib.loads(written)["policy"]["rules"]) == set(CLASSIFIED)
    assert "# Calibrated " in written and "target 2.00%" in written
    assert judged("I iron my socks.")[0]["decision"] == "allow"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("budget", ["2 per cent", "0", "150%", "-1%"])
def test_a_budget_that_is_none_is_refused(budget: str) -> None:
    assert run(gate_command.app, "calibrate", "x.csv", f"--budget={budget}").exit_code == 2


@pytest.mark.usefixtures("home")
def test_calibrate_by_reviewers_needs_decisions(sqlite_db: Database) -> None:
    add(sqlite_db, "what a shitty day", decided=State.REJECTED)
    result = run(gate_command.app, "calibrate", "--reviewers")
    assert isinstance(result.exception, CalibrationError)
    assert "1 decisions" in str(result.exception)


@pytest.mark.usefixtures("home")
def test_calibrate_wants_one_source() -> None:
    assert run(gate_command.app, "calibrate").exit_code == 2
    assert run(gate_command.app, "calibrate", "x.csv", "--reviewers").exit_code == 2


def test_backtest_tells_what_would_have_changed(home: Path, sqlite_db: Database) -> None:
    add(sqlite_db, "I iron my socks.")
    add(sqlite_db, "what a shitty day", decided=State.APPROVED)
    add(sqlite_db, "another shitty day", decided=State.REJECTED)
    (home / "new.toml").write_text('[policy.rules]\nswearing = "allow"\n')
    told = run(gate_command.app, "backtest", "--policy", "new.toml").stdout
    assert "3 posts judged again; 2 would go another way" in told
    assert "hold → allow: 2; people had approved 1 and rejected 1 of them" in told
    assert "what a shitty day" in told


@pytest.mark.usefixtures("home")
def test_stats_count_what_each_filter_did(sqlite_db: Database) -> None:
    add(sqlite_db, "I iron my socks.")
    add(sqlite_db, "what a shitty day", decided=State.REJECTED)
    told = run(gate_command.app, "stats").stdout
    line = next(line for line in told.splitlines() if line.strip().startswith("wordlist"))
    assert line.split()[:3] == ["wordlist", "swearing", "1"]
    assert "(50.0%)" in line


@pytest.mark.usefixtures("home", "sqlite_db")
def test_an_empty_record_says_what_to_do() -> None:
    assert "confess say" in run(gate_command.app, "stats").stderr
