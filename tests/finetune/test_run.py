"""A whole run on a tiny base: what it leaves on disk, what it refuses, and how it goes on after a kill."""

import html
import json
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from finetune.corpus import ReadOptions
from finetune.errors import Interrupted, NameTaken, RecipeError, RunChanged, TrainingDiverged
from finetune.learner import read_story
from finetune.progress import Update
from finetune.recipe import Recipe
from finetune.run import finetune
from finetune.train import STATE
from generation.adapter import Adapter, open_adapter

QUICK = {"epochs": 2, "samples": 4, "max_tokens": 12, "batch_tokens": 512, "row_tokens": 128, "learning_rate": 1e-2}
NOW = datetime(2026, 1, 5, tzinfo=UTC)
FILES = {
    "adapter_config.json",
    "adapter_model.safetensors",
    "authors.json",
    "data-card.json",
    "data-card.md",
    "data-rows.npy",
    "prompt.json",
    "report.html",
    "samples.jsonl",
    "tokenizer.json",
    "tokenizer_config.json",
}


@pytest.fixture(scope="module")
def trained(
    tiny_gpt2: Path, small_corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Adapter, list[Update]]:
    updates: list[Update] = []
    out = tmp_path_factory.mktemp("adapters")
    recipe = Recipe.build({"base": str(tiny_gpt2), **QUICK})
    told, consent = updates.append, "My aunt's own words."
    return finetune(small_corpus, recipe, out, name="tiny", progress=told, now=NOW, consent=consent), updates


def test_the_adapter_folder_is_whole_and_nothing_else_is_left(trained: tuple[Adapter, list[Update]]) -> None:
    adapter, _ = trained
    there = {path for path in adapter.card.files if "/" not in path}
    assert there == FILES
    assert adapter.has("echo/") and adapter.has("ctranslate2/")
    assert sorted(path.name for path in adapter.folder.parent.iterdir()) == ["tiny"]


def test_the_report_says_how_to_make_it_again(trained: tuple[Adapter, list[Update]], small_corpus: Path) -> None:
    page = html.unescape((trained[0].folder / "report.html").read_text())
    command = re.findall(r"<pre>(confess .*)</pre>", page)[0]
    consent = ["--consent", "My aunt's own words."]
    wanted = ["confess", "finetune", small_corpus.name, "--name", "tiny", *consent, "--recipe", "recipe.toml"]
    assert shlex.split(command) == wanted
    recipe = tomllib.loads(re.findall(r"<code>recipe.toml</code> says:</p>\s*<pre>(.*?)</pre>", page, re.DOTALL)[0])
    assert recipe.items() >= QUICK.items()


def test_it_learned_and_the_card_says_how_much(trained: tuple[Adapter, list[Update]]) -> None:
    metrics: Any = trained[0].card.metrics
    assert metrics["after"]["loss"] < metrics["before"]["loss"] - 0.03
    assert metrics["after"]["bits_per_byte"] < metrics["before"]["bits_per_byte"]
    chosen = next(check for check in metrics["checks"] if check["step"] == metrics["chosen_step"])
    assert chosen["loss"] == metrics["after"]["loss"]


def test_the_adapter_names_no_folder_of_this_machine_but_the_base_it_was_given(
    trained: tuple[Adapter, list[Update]], tiny_gpt2: Path
) -> None:
    adapter, _ = trained
    config = json.loads((adapter.folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tiny_gpt2)
    assert config["fan_in_fan_out"] is True


def test_progress_tells_loss_speed_time_left_and_fresh_posts(trained: tuple[Adapter, list[Update]]) -> None:
    _, updates = trained
    steps = [update for update in updates if update.stage == "train"]
    assert [update.step for update in steps] == list(range(1, len(steps) + 1))
    assert all(update.loss and update.tokens_per_second and update.seconds_left is not None for update in steps)
    assert any(update.note and "before training" in update.note for update in updates)


def test_a_name_is_used_once_unless_fresh(
    trained: tuple[Adapter, list[Update]], small_corpus: Path, tiny_gpt2: Path
) -> None:
    recipe = Recipe.build({"base": str(tiny_gpt2), **QUICK})
    with pytest.raises(NameTaken, match="already"):
        finetune(small_corpus, recipe, trained[0].folder.parent, name="tiny")
    with pytest.raises(RecipeError, match="cannot be used"):
        finetune(small_corpus, recipe, trained[0].folder.parent, name="../tiny")


def test_a_rate_too_high_is_said_so(tiny_gpt2: Path, small_corpus: Path, tmp_path: Path) -> None:
    recipe = Recipe.build(
        {"base": str(tiny_gpt2), **QUICK, "learning_rate": 1.0, "clip": 1e9, "alpha": 1e20, "warmup": 0}
    )
    with pytest.raises(TrainingDiverged, match="lower learning_rate, which is 1"):
        finetune(small_corpus, recipe, tmp_path, name="wild")


def test_stopped_and_resumed_it_takes_the_same_steps(
    trained: tuple[Adapter, list[Update]], tiny_gpt2: Path, small_corpus: Path, tmp_path: Path
) -> None:
    """Ctrl-C's event after the third step; a changed recipe is refused; the same call ends as if nothing had been."""
    recipe = Recipe.build({"base": str(tiny_gpt2), **QUICK})
    stop = threading.Event()

    def watch(update: Update) -> None:
        if update.stage == "train" and update.step == 3:
            stop.set()

    with pytest.raises(Interrupted, match="the same command goes on"):
        finetune(small_corpus, recipe, tmp_path, name="tiny", progress=watch, stop=stop)
    assert not (tmp_path / "tiny").exists()
    with pytest.raises(RunChanged, match="had another rank: "):
        finetune(small_corpus, Recipe.build({"base": str(tiny_gpt2), **QUICK, "rank": 3}), tmp_path, name="tiny")
    with pytest.raises(RunChanged, match="had another --longest and another corpus: "):
        finetune(small_corpus, recipe, tmp_path, name="tiny", options=ReadOptions(longest=150))
    seen: list[Update] = []
    again = finetune(small_corpus, recipe, tmp_path, name="tiny", progress=seen.append, now=NOW)
    assert next(update for update in seen if update.stage == "train").step == 4
    _assert_same_course(again, trained[0])


def test_what_ends_before_the_first_step_leaves_nothing_and_binds_to_nothing(
    tiny_gpt2: Path, small_corpus: Path, tmp_path: Path
) -> None:
    """A setting that does not fit the base is found late; and a run stopped before a state may come with another."""
    values = {"base": str(tiny_gpt2), **QUICK, "max_steps": 1}
    with pytest.raises(RecipeError, match="targets are nothing"):
        finetune(small_corpus, Recipe.build({**values, "targets": ["nothing"]}), tmp_path, name="tiny")
    assert list(tmp_path.iterdir()) == []

    def give_up(update: Update) -> None:
        if update.note and "before training" in update.note:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(small_corpus, Recipe.build(values), tmp_path, name="tiny", progress=give_up)
    assert (tmp_path / ".tiny.training" / "run.json").exists()
    assert finetune(small_corpus, Recipe.build({**values, "rank": 3}), tmp_path, name="tiny").name == "tiny"


def test_killed_without_warning_it_goes_on_exactly(
    trained: tuple[Adapter, list[Update]], tiny_gpt2: Path, small_corpus: Path, tmp_path: Path
) -> None:
    """SIGKILL in another process, right after its first state is on disk; then the same call here."""
    script = (
        "import sys, json, torch; torch.set_num_threads(1)\n"
        "from pathlib import Path\n"
        "from finetune.recipe import Recipe\n"
        "from finetune.run import finetune\n"
        "corpus, out, recipe = sys.argv[1:]\n"
        "finetune(Path(corpus), Recipe.build(json.loads(recipe)), Path(out), name='tiny')\n"
    )
    values = {"base": str(tiny_gpt2), **QUICK}
    process = subprocess.Popen([sys.executable, "-c", script, str(small_corpus), str(tmp_path), json.dumps(values)])
    state = tmp_path / ".tiny.training" / STATE
    deadline = time.monotonic() + 120
    while not state.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL, "the run ended before it could be killed"
    assert not (tmp_path / "tiny").exists()
    assert 0 < read_story(state)["step"] < len(_losses_of(trained[0]))
    again = finetune(small_corpus, Recipe.build(values), tmp_path, name="tiny", now=NOW)
    _assert_same_course(again, trained[0])


def _losses_of(adapter: Adapter) -> list[float]:
    metrics: Any = adapter.card.metrics
    losses: list[float] = metrics["losses"]
    return losses


def _assert_same_course(one: Adapter, other: Adapter) -> None:
    """The same loss at every step to the last bit, the same checks, the same weights."""
    first: Any = one.card.metrics
    second: Any = other.card.metrics
    assert first["losses"] == second["losses"]
    assert first["checks"] == second["checks"]
    assert one.card.files["adapter_model.safetensors"] == other.card.files["adapter_model.safetensors"]
    assert open_adapter(one.folder).hash == one.hash


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_when_there_is_room(
    tiny_gpt2: Path, small_corpus: Path, tmp_path: Path
) -> None:
    """Files of at most 300 kB, by the system's own limit: the first state does not fit."""
    script = (
        "import resource, sys, json, torch; torch.set_num_threads(1)\n"
        "from pathlib import Path\n"
        "from finetune.errors import TrainingError\n"
        "from finetune.recipe import Recipe\n"
        "from finetune.run import finetune\n"
        "corpus, out, recipe = sys.argv[1:]\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        "try:\n    finetune(Path(corpus), Recipe.build(json.loads(recipe)), Path(out), name='tiny')\n"
        "except TrainingError as error:\n    print(error)\n"
    )
    values = {"base": str(tiny_gpt2), **QUICK, "max_steps": 2, "rank": 64}
    command = [sys.executable, "-c", script, str(small_corpus), str(tmp_path), json.dumps(values)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "no room left" in done.stdout, done.stdout + done.stderr[-2000:]
    assert not (tmp_path / "tiny").exists()
    assert finetune(small_corpus, Recipe.build(values), tmp_path, name="tiny").name == "tiny"
