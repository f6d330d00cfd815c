"""The notebook runs from top to bottom: the quick way, on the bundled base."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from generation.adapter import open_adapter

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "finetune.ipynb"


def test_it_trains_reports_speaks_and_packs(
    tmp_path: Path, small_corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "CONFESS_BASE": "nib",
        "CONFESS_STEPS": "2",
        "CONFESS_CORPUS": str(small_corpus),
        "CONFESS_OUT": str(tmp_path / "adapters"),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(NOTEBOOK.parents[1]), os.environ.get("PYTHONPATH", "")])),
    }.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    adapter = open_adapter(tmp_path / "adapters" / "voice")
    assert len(adapter.card.metrics["losses"]) == 2
    assert (tmp_path / "adapters" / "voice.zip").stat().st_size > 1_000_000
    shown = "".join(str(output) for cell in notebook.cells for output in cell.get("outputs", []))
    assert "iframe sandbox" in shown and "held-out loss" in shown


def test_it_is_committed_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)
