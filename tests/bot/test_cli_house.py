"""The command line as a person types it: init, doctor, exit codes, sentences instead of tracebacks."""

import base64
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.app import app
from bot.settings import load_settings
from generation.adapter import Adapter

TOKEN = ".".join((base64.urlsafe_b64encode(b"123456789012345678").decode().rstrip("="), "GabcdE", "x" * 38))


def confess(home: Path, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The real program in a folder."""
    environment = {key: value for key, value in os.environ.items() if "__" not in key} | (env or {})
    return subprocess.run(
        [sys.executable, "-m", "bot", *words], cwd=home, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def typed(*words: str, answers: str = "") -> tuple[int, str]:
    """A command in this process: exit code and everything it said."""
    result = CliRunner().invoke(app, list(words), input=answers)
    return result.exit_code, result.output


def test_init_writes_what_it_was_told_and_only_the_owner_may_read_it(home: Path) -> None:
    hostile = "a\"b'c\\d#e"
    answers = [
        "y",
        "nonsense",
        TOKEN,
        "11",
        "not a number",
        "22",
        "",
        "y",
        "k",
        hostile,
        "7-t",
        "s",
        "Europe/London",
        "08:15",
    ]
    code, said = typed("init", answers="\n".join(answers) + "\n")
    assert code == 0, said
    assert "That is no token" in said
    assert "digits only" in said
    assert (home / ".env").stat().st_mode & 0o077 == 0
    settings = load_settings()
    assert settings.discord.token is not None
    assert settings.discord.token.get_secret_value() == TOKEN
    assert (settings.discord.guild_ids, settings.discord.review_channel_id) == ((11,), 22)
    assert settings.discord.reviewer_role_id is None
    assert settings.x.api_secret is not None
    assert settings.x.api_secret.get_secret_value() == hostile
    assert [(each.zone, each.times) for each in settings.schedule] == [("Europe/London", ("08:15",))]
    assert TOKEN not in said


def test_init_does_not_overwrite(home: Path) -> None:
    (home / ".env").write_text("SHELF__HIGH=7\n")
    code, said = typed("init", "--defaults")
    assert code == 2
    assert "--force" in said
    assert (home / ".env").read_text() == "SHELF__HIGH=7\n"
    assert typed("init", "--defaults", "--force")[0] == 0


def test_doctor_says_in_a_line_each_what_is_wrong_and_how_to_mend_it(home: Path) -> None:
    (home / ".env").write_text(
        "DISCORD__TOKEN=abc\nX__API_KEY=k\nX__ACCESS_TOKEN=t\nGATE__WORDS=none.toml\nWEB__ENABLED=true\n"
    )
    (home / "confess.toml").write_text(
        '[[schedule]]\nname = "a"\nplatform = "x"\ntimes = ["25:00"]\n'
        '[[schedule]]\nname = "b"\nplatform = "console"\ntimes = ["09:00"]\nzone = "Mars/Base"\n'
        '[[schedule]]\nname = "c"\nplatform = "mastodon"\ntimes = ["09:00"]\n'
    )
    code, said = typed("doctor")
    flat = " ".join(said.split())
    assert code == 1
    for sentence in (
        "confess db upgrade",
        "confess finetune FILE --name NAME",
        "DISCORD__TOKEN is malformed",
        "X__API_SECRET and X__ACCESS_SECRET missing",
        "GATE__WORDS names none.toml, which is not there",
        "WEB__TOKEN needs 16 characters",
        "'25:00' is not a time of day",
        "no time zone 'Mars/Base'",
        "mastodon is not set up",
    ):
        assert sentence in flat


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("finetune", "nowhere.csv"), 2, "nowhere.csv"),
        (("finetune", "empty.csv"), 2, "empty.csv"),
        (("finetune", "numbers.csv"), 2, "--text-column"),
        (("finetune", "good.csv", "--base", "no/such-base"), 2, "nib"),
        (("finetune", "good.csv", "--rank", "-1"), 2, "rank"),
        (("generate",), 2, "confess finetune"),
        (("posts",), 1, "confess db upgrade"),
        (("review", "list"), 1, "confess db upgrade"),
        (("--home", "nowhere", "posts"), 2, "nowhere"),
        (("adapters", "compare", "a", "b"), 2, "a"),
        (("corpus", "check", "nowhere"), 2, "nowhere"),
        (("gate", "backtest", "--policy", "new.toml"), 2, "There is no policy at new.toml; check the name."),
        (("corpus", "check", "noise.txt"), 2, "noise.txt does not look like text"),
        (("finetune", "noise.txt"), 2, "noise.txt does not look like text"),
        (("nonsense",), 2, "nonsense"),
    ],
)
def test_a_failure_is_a_sentence_and_an_exit_code(tmp_path: Path, words: tuple[str, ...], code: int, told: str) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "numbers.csv").write_text("id,likes\n" + "\n".join(f"{row},{row}" for row in range(400)))
    posts = (f"Post number {row} is about nothing much but it is long enough to be one." for row in range(400))
    (tmp_path / "good.csv").write_text("text\n" + "\n".join(posts))
    (tmp_path / "noise.txt").write_bytes(random.Random(1).randbytes(20_000))
    before = {path.name for path in tmp_path.iterdir()}
    done = confess(tmp_path, *words, env={"HF_HUB_OFFLINE": "1"})
    said = " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert done.returncode == code, said
    assert told in said
    assert "Traceback" not in said
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_database_that_cannot_be_opened_is_a_sentence_without_the_password(tmp_path: Path) -> None:
    done = confess(tmp_path, "posts", env={"DATABASE__URL": "postgresql://me:hunter2@127.0.0.1:1/none"})
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "127.0.0.1" in said
    assert "hunter2" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("dotenv", "told"),
    [("DISCORD__TOKEN=abc\n", "DISCORD__TOKEN is malformed"), ("X__API_KEY=k\n", "X needs all four keys")],
)
def test_run_names_a_malformed_or_missing_key_before_anything_is_sent(
    tmp_path: Path, adapter: Adapter, dotenv: str, told: str
) -> None:
    (tmp_path / ".env").write_text(dotenv)
    shutil.copytree(adapter.folder, tmp_path / "adapters" / "test")
    assert confess(tmp_path, "db", "upgrade").returncode == 0
    done = confess(tmp_path, "run")
    assert done.returncode == 2
    assert told in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
