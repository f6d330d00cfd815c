"""``confess finetune`` and ``confess adapters``, as a person at a terminal meets them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.app import app
from bot.settings import load_settings
from bot.wiring import open_gate
from finetune.corpus.forget import forget
from finetune.corpus.rules import Rule
from generation.adapter import find_adapter
from moderation.context import Context
from moderation.verdict import Decision
from tests.databases import NOW
from tests.finetune.conftest import posts, small_corpus, tiny_gpt2, tokenizer

__all__ = ["posts", "small_corpus", "tiny_gpt2", "tokenizer"]  # fixtures of the floor below

FLAGS = ["--max-tokens", "12", "--row-tokens", "128", "--samples", "2", "--batch-tokens", "512", "--topics", "0"]


@pytest.fixture(scope="module")
def home(tiny_gpt2: Path, small_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a run was interrupted by Ctrl-C, taken up again, and ended."""
    folder = tmp_path_factory.mktemp("home")
    command = [sys.executable, "-m", "bot", "-C", str(folder), "finetune", str(small_corpus), "--name", "me"]
    command += ["--base", str(tiny_gpt2), "--epochs", "3", *FLAGS]
    environment = os.environ | {"COLUMNS": "160", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    state = folder / "adapters" / ".me.training" / "state.safetensors"
    deadline = time.monotonic() + 120
    while not state.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    shown, said = process.communicate(timeout=60)
    assert process.returncode == 1, shown + said
    assert "the same command goes on" in said and "Traceback" not in said
    assert not (folder / "adapters" / "me").exists()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    (folder / "shown.txt").write_text(done.stdout)
    return folder


def test_it_shows_the_posts_the_losses_and_what_to_type_next(home: Path) -> None:
    shown = (home / "shown.txt").read_text()
    for words in ("posts kept of", "held-out loss before training", "bits a byte", "confess say --adapter me"):
        assert words in shown
    assert "end by themselves" in shown
    assert [path.name for path in (home / "adapters").iterdir()] == ["me"]


def test_the_bot_does_not_name_those_who_wrote_the_corpus(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    adapter = find_adapter(Path("adapters"), "me")
    gate, without = open_gate(load_settings(), adapter), open_gate(load_settings())
    context = Context("discord")
    for text, named in (
        ("I still owe wilhelmina  crabtree a tenner.", "wilhelmina  crabtree"),
        ("Thanks to xX_kev_99 for the biscuits.", "xX_kev_99"),
    ):
        [finding] = [each for each in gate.judge(text, context).findings if each.category == "name"]
        assert finding.reason == f"It names “{named}”, who wrote part of the corpus."
        assert finding.decision is not Decision.ALLOW
        assert not [each for each in without.judge(text, context).findings if each.category == "name"]
    assert not [each for each in gate.judge("It was just me, as ever.", context).findings if each.category == "name"]
    kept = (adapter.folder / "authors.json").read_text()
    assert not [piece for piece in ("wilhelmina", "crabtree", "kev") if piece in kept.casefold()]
    (adapter.folder / "authors.json").write_text(kept[: len(kept) // 2])
    assert open_gate(load_settings(), adapter).judge("I like tea.", context).decision is Decision.HOLD
    (adapter.folder / "authors.json").write_text(kept)


def test_adapters_are_listed_compared_exported_and_marked_stale(
    home: Path, small_corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setenv("COLUMNS", "200")
    listed = _run("adapters")
    assert "me" in listed and "MB" in listed and "stale" not in listed
    compared = _run("adapters", "compare", "me", "me")
    assert "loss after, nats a token" in compared
    assert "is in merged" in _run("adapters", "export", "me", "merged")
    assert json.loads((home / "merged" / "config.json").read_text())["model_type"] == "gpt2"
    forgotten = forget([small_corpus], Rule(match="the"), adapters=home / "adapters", now=NOW)
    assert forgotten.stale == ("me",)
    assert "me stale" in _run("adapters") and "train it again" in _run("adapters")
    assert "train it again" in _run("adapters", "export", "me", "once-more")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere.csv"], "nowhere.csv"),
        (["x.csv", "--rank", "0"], "rank is 0"),
        (["x.csv", "--base", "./nowhere"], "There is no base"),
        (["x.csv", "--recipe", "nope"], "There is no recipe"),
        (["x.csv", "--name", "../up"], "cannot be used"),
        (["x.csv", "--rslora", "--dora"], "rslora and dora are both on"),
    ],
)
def test_what_is_wrongly_asked_is_one_sentence_and_exit_2(words: list[str], sentence: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("text\n" + "A short confession about soup.\n" * 30)
    done = subprocess.run(
        [sys.executable, "-m", "bot", "-C", str(tmp_path), "finetune", *words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "300"},
    )
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "adapters").exists()


def _run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.output
