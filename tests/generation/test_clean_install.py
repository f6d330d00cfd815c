"""The base install, for real: a fresh virtual environment from the package index, and a voice that speaks in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from generation.adapter import Adapter

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "transformers", "datasets", "peft", "accelerate"}
PARTS = ("bot", "finetune", "generation", "moderation", "storage", "pyproject.toml", "README.md", "LICENSE")

_SPEAK = """
import sys
from pathlib import Path
from generation.adapter import open_adapter
from generation.engines import open_generator
from generation.generator import Request
for text in open_generator(open_adapter(Path(sys.argv[1]))).generate(Request(count=3, seed=1)):
    print(text.tokens)
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("CI"), reason="installs from the package index; runs in CI")
def test_the_base_install_has_no_torch_and_speaks(adapter: Adapter, tmp_path: Path) -> None:
    source, place = tmp_path / "source", tmp_path / "venv"
    source.mkdir()
    for part in PARTS:  # a copy, so that building leaves nothing behind in the checkout
        (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, source / part)
    python = place / "bin" / "python"

    def run(*command: object) -> str:
        done = subprocess.run(
            [str(part) for part in command], cwd=tmp_path, capture_output=True, text=True, timeout=400, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(sys.executable, "-m", "venv", place)
    run(python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", source)
    installed = {line.split("==")[0].lower() for line in run(python, "-m", "pip", "freeze").splitlines()}
    assert "confessional" in " ".join(installed)
    assert not installed & HEAVY
    assert len(run(python, "-c", _SPEAK, adapter.folder).split()) == 3
    assert "Usage" in run(place / "bin" / "confess", "--help")
