"""Opening an engine by name, and what it says when it cannot run."""

import json
import logging
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from generation.adapter import Adapter, open_adapter, save_card
from generation.codec import Codec
from generation.engines import open_generator
from generation.errors import AdapterBroken, EngineUnavailable
from generation.generator import Request


def copy(adapter: Adapter, folder: Path, *without: str) -> Adapter:
    """The same adapter elsewhere, less some files, with a card that knows it."""
    shutil.copytree(adapter.folder, folder)
    for path in without:
        shutil.rmtree(folder / path) if (folder / path).is_dir() else (folder / path).unlink()
    save_card(folder, adapter.card)
    return open_adapter(folder)


def test_an_unknown_engine_is_answered_with_those_there_are(adapter: Adapter) -> None:
    with pytest.raises(EngineUnavailable, match="choose one of ctranslate2, transformers, openai"):
        open_generator(adapter, engine="gpt4all")


def test_auto_takes_the_cards_own(adapter: Adapter) -> None:
    generator = open_generator(adapter, engine="auto", threads=1)
    assert generator.identity.engine == "ctranslate2"
    generator.close()


def test_without_converted_weights_auto_falls_back_and_says_so(
    adapter: Adapter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bare = copy(adapter, tmp_path / "bare", "ctranslate2")
    save_card(bare.folder, replace(bare.card, base=str(Path(__file__).parents[2] / "finetune" / "bases" / "nib")))
    with caplog.at_level(logging.WARNING):
        generator = open_generator(open_adapter(bare.folder))
    assert generator.identity.engine == "transformers"
    assert "transformers speaks for it" in caplog.text
    generator.close()
    with pytest.raises(EngineUnavailable, match="has no ctranslate2 folder"):
        open_generator(bare, engine="ctranslate2")


def test_a_base_that_is_not_there(adapter: Adapter) -> None:
    with pytest.raises(EngineUnavailable, match="cannot be loaded"):
        open_generator(adapter, engine="transformers", base="/nowhere")


def test_damaged_files_are_sentences(adapter: Adapter, tmp_path: Path) -> None:
    broken = copy(adapter, tmp_path / "a")
    (broken.folder / "ctranslate2" / "model.bin").write_bytes(b"not a model")
    with pytest.raises(EngineUnavailable, match="CTranslate2 cannot open"):
        open_generator(broken)
    (broken.folder / "ctranslate2" / "config.json").write_text("{}")
    with pytest.raises(AdapterBroken, match=r"config\.json cannot be used"):
        open_generator(broken)
    (broken.folder / "tokenizer.json").write_text("{")
    with pytest.raises(AdapterBroken, match=r"tokenizer\.json cannot be read"):
        open_generator(broken)


def test_an_end_mark_that_is_no_token(adapter: Adapter, tmp_path: Path) -> None:
    broken = copy(adapter, tmp_path / "a")
    prompt = json.loads((broken.folder / "prompt.json").read_text())
    (broken.folder / "prompt.json").write_text(json.dumps(prompt | {"end": "<|no-such-mark|>"}))
    with pytest.raises(AdapterBroken, match="does not know the token"):
        Codec(broken)


def test_head_and_prompt_become_tokens_as_at_training_time(adapter: Adapter) -> None:
    codec = Codec(adapter)
    start, steps = codec.start(Request(prompt="I once ", topic=" Night\n<|endoftext|> trains "), positions=256)
    assert codec.names(start.head)[0] == "<|endoftext|>"
    assert codec.text(start, [codec.end]) == "I once"
    assert "".join(codec.names(start.head[1:])) == "about:ĠnightĠtrainsĊ"
    assert steps == min(120, 256 - len(start.ids))


_TORCHLESS = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "transformers", "peft", "datasets", "accelerate"}:
            raise ImportError(f"{name} is not in the base install")

sys.meta_path.insert(0, Blocker())
from pathlib import Path
from generation.adapter import open_adapter
from generation.engines import open_generator
from generation.errors import EngineUnavailable
from generation.generator import Request
import bot.compose, bot.worker, bot.rank, bot.shelf, bot.wiring, moderation.gate

adapter = open_adapter(Path(sys.argv[1]))
try:
    open_generator(adapter, engine="transformers")
except EngineUnavailable as error:
    assert "pip install 'confessional[train]'" in str(error)
else:
    raise SystemExit("the transformers engine opened without torch")
generator = open_generator(adapter, threads=1)
for seed in range(0, 64, 4):
    texts = generator.generate(Request(count=4, seed=seed))
assert len(texts) == 4 and generator.identity.reproducible
from moderation.gate import default_gate
default_gate().judge_many([text.text for text in texts])
status = Path("/proc/self/status").read_text().splitlines()
peak = next(line for line in status if line.startswith("VmHWM"))
print(int(peak.split()[1]) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_talking_bot_needs_no_torch_and_little_memory(adapter: Adapter) -> None:
    """A process of its own with the training libraries out of reach: whole bot imported, gate and model at work."""
    done = subprocess.run(
        [sys.executable, "-c", _TORCHLESS, str(adapter.folder)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) < 250, f"{done.stdout} MiB at the peak"


_LEFT_OPEN = """
import sys
from pathlib import Path
from generation.adapter import open_adapter
from generation.engines import open_generator
from generation.generator import Request
generator = open_generator(open_adapter(Path(sys.argv[1])), engine="ctranslate2", threads=2)
assert len(generator.generate(Request(count=8, seed=1))) == 8
sys.exit(3)
"""


def test_a_process_that_forgets_to_close_its_engine_ends_as_it_meant_to(adapter: Adapter) -> None:
    """Not by SIGABRT, as it did three times in five when the model's threads were still there at the very end."""
    ends = [
        subprocess.run(
            [sys.executable, "-c", _LEFT_OPEN, str(adapter.folder)],
            cwd=Path(__file__).parents[2],
            timeout=120,
            check=False,
        ).returncode
        for _ in range(4)
    ]
    assert ends == [3] * 4
