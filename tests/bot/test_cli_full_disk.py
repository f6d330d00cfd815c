"""No room left, as a person at a terminal meets it: the system itself says no beyond a size of file."""

import subprocess
import sys
from pathlib import Path

_LIMITED = """
import resource, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
"""
_COMMAND = _LIMITED + "from bot.__main__ import main\nmain()\n"
_WORKSPACE = (
    _LIMITED
    + """
from pathlib import Path
from finetune.errors import TrainingError
from finetune.team import Team
from finetune.workspace import workspace
try:
    with workspace(Path(sys.argv[1]), "me", {"rank": "x" * 100}, fresh=False, team=Team()):
        print("begun")
except TrainingError as error:
    print(error)
"""
)


def limited(script: str, limit: int, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """A command whose files may not grow beyond `limit` bytes."""
    command = [sys.executable, "-c", script, str(limit), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def posts(folder: Path) -> Path:
    """Two that are kept, and a hundred that are too long."""
    path = folder / "posts.txt"
    long = [f"{n} {'and so on ' * 30}{n}" for n in range(100)]
    path.write_text("\n".join(["The cat has a second family.", "I never read the terms and conditions.", *long]))
    return path


def test_a_list_of_drops_that_does_not_fit_is_named_and_not_left_in_halves(tmp_path: Path) -> None:
    listing = tmp_path / "dropped.jsonl"
    words = ("corpus", "check", posts(tmp_path), "--dropped", listing, "--longest", "60", "--no-audit")
    done = limited(_COMMAND, 10_000, *words)
    assert done.returncode == 1
    assert "cannot be written (File too large)" in " ".join(done.stderr.split())
    assert not listing.exists()


def test_a_rule_that_does_not_fit_is_a_sentence_and_exit_1(tmp_path: Path) -> None:
    done = limited(_COMMAND, 20, "corpus", "forget", posts(tmp_path), "--match", "second family|never read the terms")
    assert done.returncode == 1
    assert "There is no room left" in done.stderr and "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["posts.txt"]


def test_a_run_that_cannot_even_begin_says_so(tmp_path: Path) -> None:
    assert "There is no room left" in limited(_WORKSPACE, 50, tmp_path).stdout
    assert limited(_WORKSPACE, 5_000, tmp_path).stdout == "begun\n"
