"""Two processes that share a run take the steps that one process takes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from finetune.recipe import Recipe
from finetune.run import finetune
from generation.adapter import open_adapter

QUICK = {"max_steps": 4, "samples": 2, "max_tokens": 8, "row_tokens": 128, "batch_tokens": 512, "precision": "fp32"}
SCRIPT = """
import json, sys, torch
torch.set_num_threads(1)
from pathlib import Path
from finetune.recipe import Recipe
from finetune.run import finetune
corpus, out, recipe = sys.argv[1:]
finetune(Path(corpus), Recipe.build(json.loads(recipe)), Path(out), name="two")
"""


def test_two_processes_learn_what_one_learns(tiny_gpt2: Path, small_corpus: Path, tmp_path: Path) -> None:
    """Started as ``accelerate launch`` starts them, over gloo on the loopback interface."""
    values: dict[str, Any] = {"base": str(tiny_gpt2), **QUICK}
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    launch = ["-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1"]
    options = ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    done = subprocess.run(
        [sys.executable, *launch, *options, str(script), str(small_corpus), str(tmp_path), json.dumps(values)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    two: Any = open_adapter(tmp_path / "two").card.metrics
    one: Any = finetune(small_corpus, Recipe.build(values), tmp_path, name="one").card.metrics
    assert two["losses"] == pytest.approx(one["losses"], abs=1e-4)
    assert two["after"]["loss"] == pytest.approx(one["after"]["loss"], abs=1e-4)
    assert two["tokens"] == pytest.approx(one["tokens"], rel=0.2)
