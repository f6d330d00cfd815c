"""`confess say`, `verify` and `shelf`, with a real adapter and the record they leave."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.cli.app import app
from generation.adapter import Adapter
from storage import posts
from tests.databases import opened

HOSTILE = "[bold]\x1b[2J@everyone"


def confess(*words: str) -> Result:
    """A command in this process."""
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})


@pytest.fixture
def home(adapter: Adapter, sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an adapter and an empty record."""
    shutil.copytree(adapter.folder, tmp_path / "adapters" / "test")
    shutil.copyfile(sqlite_template, tmp_path / "confess.db")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(*words: str) -> list[dict[str, object]]:
    result = confess("say", "--json", "--max-tokens", "16", *words)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_text_is_on_record_with_all_it_was_made_from(home: Path, adapter: Adapter) -> None:
    told = said("-n", "5", "--seed", "11", "--prompt", "I once", "--temperature", "0.8")
    assert len(told) == 5
    with opened(f"sqlite:///{home / 'confess.db'}") as database, database.reading() as session:
        rows = sorted(posts.find(session), key=lambda post: post.number)
    assert [row.id for row in rows] == [line["post"] for line in told]
    assert [row.seed for row in rows] == [11, 12, 13, 14, 15]
    for row, line in zip(rows, told, strict=True):
        assert row.text == line["text"]
        assert row.text.startswith("I once")
        assert (row.adapter_hash, row.engine, row.prompt) == (adapter.hash, "ctranslate2", "I once")
        assert row.sampling["temperature"] == 0.8
        assert row.decision == line["decision"]
        assert row.logprob is not None and row.logprob < 0


def test_who_was_forgotten_is_not_forgotten_by_the_owner(home: Path) -> None:
    """An adapter that learned posts which were taken back says so to whoever lets it speak; texts come all the same."""
    assert "taken back" not in confess("say", "--json", "--max-tokens", "4").stderr
    (home / "adapters" / "test" / "stale.json").write_text('{"at": "2026-01-05T00:00:00+00:00", "rows": 2}')
    for name in ((), ("--adapter", "adapters/test")):
        result = confess("say", "--json", "--max-tokens", "4", *name)
        assert result.exit_code == 0 and json.loads(result.stdout)["text"]
        told = " ".join(result.stderr.split())
        assert "the adapter test has learned were taken back on 2026-01-05" in told
        assert "confess finetune FILE --name test --fresh" in told
    examined = confess("doctor")
    assert examined.exit_code == 1
    assert "✗ adapter: Posts that the adapter test has learned were taken back" in " ".join(examined.output.split())


def test_the_same_seed_says_the_same(home: Path) -> None:
    one, other = said("-n", "3", "--seed", "4"), said("-n", "1", "--seed", "6")
    assert other[0]["text"] == one[2]["text"]


def test_a_table_for_people_shows_verdicts(home: Path) -> None:
    result = confess("say", "-n", "2", "--seed", "1", "--max-tokens", "8")
    assert result.exit_code == 0
    assert "verdict" in result.output
    assert any(mark in result.output for mark in ("allow", "hold", "block"))


def test_verify_writes_it_again_and_says_identical(home: Path) -> None:
    [line] = said("--seed", "21", "--about", "trains")
    result = confess("verify", str(line["post"]))
    assert result.exit_code == 0, result.output
    assert "Identical" in result.output


def test_verify_says_what_differs(home: Path) -> None:
    [line] = said("--seed", "21")
    number = int(str(line["post"]))
    import sqlite3

    with sqlite3.connect(home / "confess.db") as database:
        database.execute(
            "UPDATE posts SET text = ?, engine_version = '4.0.0 int8', adapter_hash = 'older' WHERE id = ?",
            (HOSTILE, number),
        )
    result = confess("verify", str(number))
    assert result.exit_code == 1
    assert "Different" in result.output
    assert "engine's version was 4.0.0 int8" in result.output
    assert "fingerprint was older" in result.output
    assert "\x1b[2J" not in result.output  # a text cannot command the terminal


def test_verify_names_a_damaged_file(home: Path) -> None:
    [line] = said("--seed", "21")
    file = home / "adapters" / "test" / "adapter_model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    result = confess("verify", str(line["post"]))
    assert "adapter_model.safetensors is not what its card says" in result.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("say", "--temperature", "-1"), "temperature must be 0"),
        (("say", "--top-p", "2"), "top_p must be above 0"),
        (("say", "--engine", "gpt4all"), "there is no engine"),
        (("say", "--platform", "myspace"), "there is no platform"),
        (("say", "-n", "0"), "greater than or equal to 1"),
    ],
)
def test_wrong_wishes_are_answered_before_anything_is_loaded(home: Path, words: tuple[str, ...], sentence: str) -> None:
    result = confess(*words)
    assert result.exit_code == 2
    assert sentence in " ".join(result.output.split())


def test_the_shelf_when_it_is_empty(home: Path) -> None:
    result = confess("shelf")
    assert result.exit_code == 0
    assert "The shelf is empty" in result.output


def test_the_shelf_with_stock(home: Path) -> None:
    from bot.settings import load_settings
    from storage.lifecycle import State
    from tests.bot.rows import add_post

    policy = load_settings().policy.hash
    with opened(f"sqlite:///{home / 'confess.db'}") as database:
        for number in range(3):
            add_post(database, f"ready {number}", platform="discord", state=State.SHELVED)
    result = confess("shelf", "--json")
    [row] = [json.loads(line) for line in result.stdout.splitlines()]
    assert (row["platform"], row["ready"], row["outdated"], row["hit_rate"]) == ("discord", 0, 3, None)
    assert policy != "p"  # the rows were judged by another policy
    assert "discord" in confess("shelf").output


def test_the_transformers_engine_finds_the_bundled_base(home: Path) -> None:
    [line] = said("--engine", "transformers", "--seed", "3")
    result = confess("verify", str(line["post"]))
    assert result.exit_code == 0, result.output
