"""``confess demo`` with a voice that is there: it speaks, screens, publishes once, and stands still."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from generation.adapter import open_adapter, save_card
from storage import posts
from storage.db import Database
from storage.lifecycle import State
from tests.voices import make_adapter


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo folder whose adapter is there already."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    adapter = make_adapter(folder / "adapters" / "confessions", name="confessions")
    metrics = {"before": {"loss": 4.6}, "after": {"loss": 4.1}}
    save_card(adapter.folder, replace(adapter.card, metrics=metrics))
    assert open_adapter(adapter.folder).card.metrics == metrics
    return folder


def demo(folder: Path, *words: str) -> str:
    """The real program; its standard output in one line."""
    done = subprocess.run(
        [sys.executable, "-m", "bot", "demo", "--folder", str(folder), *words],
        capture_output=True, text=True, check=True, env=os.environ | {"COLUMNS": "160"},
    )  # fmt: skip
    return " ".join(done.stdout.split())


def states(folder: Path) -> dict[State, int]:
    """How many posts stand where."""
    database = Database.open(f"sqlite:///{folder / 'confess.db'}")
    try:
        with database.reading() as session:
            return posts.counts(session)
    finally:
        database.close()


def test_the_demo_speaks_publishes_and_leaves_the_held_ones(taught: Path, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    shutil.copytree(taught, folder)
    said = demo(folder)
    first = states(folder)
    assert sum(first.values()) >= 40
    assert first[State.APPROVED] == first[State.SENDING] == 0
    assert f"{first[State.PUBLISHED]} published now" in said
    assert f"{first[State.HELD]} held for a person" in said
    assert "4.60 nats a token before, 4.10 after" in said
    for command in ("confess review", "confess say", "confess run"):
        assert command in said

    again = demo(folder)
    assert states(folder) == first, "a second run writes and publishes nothing"
    assert "is there already" in again
    assert "0 published now" in again


def test_starting_over_leaves_a_folder_alone_that_the_demo_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "confess.db").write_text("somebody's record")
    words = [sys.executable, "-m", "bot", "demo", "--fresh", "--folder", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "left alone" in done.stderr
    assert (tmp_path / "confess.db").read_text() == "somebody's record"
