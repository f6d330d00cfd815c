"""The rules of the house that no other tool checks."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot.example import render

ROOT = Path(__file__).parents[2]
FLOORS = ("bot", "finetune", "generation", "moderation", "storage")
HEAVY = ("torch", "transformers", "ctranslate2", "discord", "tweepy", "sqlalchemy", "fastapi", "numpy", "phonenumbers")


def sources(*folders: str) -> list[Path]:
    """Every Python file of some folders."""
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def test_env_example_tells_every_setting_as_the_class_has_it() -> None:
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == render(), "write it anew from bot.example.render()"


def test_no_file_is_over_400_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources(*FLOORS, "tests", "benchmarks")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\nfrom typer.testing import CliRunner\nfrom bot.cli.app import app\n"
        "result = CliRunner().invoke(app, ['--help'])\nassert result.exit_code == 0, result.output\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_only_the_publisher_sends_and_only_claim_makes_what_it_sends() -> None:
    makers, senders = set(), set()
    for path in sources(*FLOORS):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called.split(".")[-1] == "ClearedPost":
                makers.add(path.relative_to(ROOT).as_posix())
            if called == "platform.send":
                senders.add(path.relative_to(ROOT).as_posix())
    assert makers == {"storage/posts/outgoing.py"}
    assert senders == {"bot/publish.py"}


def test_floors_below_the_bot_have_no_async_functions() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources("finetune", "generation", "moderation", "storage")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.AsyncFunctionDef)
    ]
    assert not found


def test_nothing_on_disk_is_pickled() -> None:
    pattern = re.compile(r"\bimport (pickle|joblib|dill|shelve|marshal)\b|torch\.(save|load)\(|allow_pickle=True")
    found = [str(path) for path in sources(*FLOORS) if pattern.search(path.read_text(encoding="utf-8"))]
    assert not found


def test_no_machine_path_is_committed() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "*.py", "*.md", "*.toml", "Makefile"], capture_output=True, text=True, cwd=ROOT, check=False
    ).stdout.split()
    needle = re.compile(r"(^|[^A-Za-z])/(" + "work|home|Users)/")
    assert not [name for name in tracked if needle.search((ROOT / name).read_text(encoding="utf-8"))]


@pytest.mark.parametrize(
    "page", ["README.md", *(str(p.relative_to(ROOT)) for p in sorted((ROOT / "docs").glob("*.md")))]
)
def test_links_inside_the_documents_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", text)
    assert not [target for target in targets if not ((ROOT / page).parent / target).exists()]
