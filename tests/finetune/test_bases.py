"""The bundled base is what its card says, and the recipe that made it survives being killed."""

import hashlib
import json
import lzma
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from finetune.base import load_model, load_tokenizer, resolve_base
from finetune.bases import prep
from finetune.bases.pretrain import Settings, pretrain

BASES = Path(prep.__file__).parent
NIB = BASES / "nib"
TINY = Settings(
    width=32, layers=2, heads=2, batch_tokens=512, warmup=2, decay_after=24, decay_steps=12, log_every=2, compile=0,
    checkpoint_every=4, threads=1,
)  # fmt: skip


def _silent(_: str) -> None:
    pass


# The bundled base


def test_nib_has_the_size_it_claims() -> None:
    model = load_model(resolve_base("nib"))
    assert 8e6 < sum(param.numel() for param in model.parameters()) < 12e6
    assert model.config.n_positions == 256


def test_nib_fits_the_repository_in_half_precision() -> None:
    assert sum(path.stat().st_size for path in NIB.rglob("*") if path.is_file()) < 20e6
    with safe_open(NIB / "model.safetensors", "np") as weights:
        assert {weights.get_slice(name).get_dtype() for name in weights.keys()} == {"F16"}  # noqa: SIM118


def test_nib_begins_and_ends_with_token_zero() -> None:
    tokenizer = load_tokenizer(resolve_base("nib"))
    assert tokenizer.bos_token_id == tokenizer.eos_token_id == 0
    assert tokenizer.model_max_length == 256
    text = "I’ve hidden 3 biscuits 🍪 from my wife."
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def _shards(folder: Path) -> list[str]:
    return list(json.loads((folder / "mix.json").read_text("utf-8")))


@pytest.mark.parametrize("shard", _shards(NIB))
def test_the_card_and_the_notice_name_every_source_of_the_weights(shard: str) -> None:
    assert f"| {shard} |" in (NIB / "README.md").read_text("utf-8")
    assert shard in (NIB / "NOTICE").read_text("utf-8")


@pytest.mark.parametrize("shard", _shards(BASES))
def test_a_new_mix_does_not_forget_its_credits(shard: str) -> None:
    assert shard in (NIB / "NOTICE").read_text("utf-8")


def test_the_curve_ends_lowest_and_at_the_loss_on_the_card() -> None:
    curve = [json.loads(line) for line in (NIB / "curve.jsonl").read_text("utf-8").splitlines()]
    seen = [record["val"] for record in curve if "val" in record]
    again = max(range(1, len(seen)), key=lambda place: seen[place] - seen[place - 1])  # the second run
    assert seen[:again] == sorted(seen[:again], reverse=True)
    assert seen[-1] == min(seen)
    assert f"{seen[-1]:.2f} nats a token" in (NIB / "README.md").read_text("utf-8")


# Rows


def test_posts_are_whole_sentences_of_one_line() -> None:
    line = 'I lost my hat. "It was blue!" she said. We looked for it all day, and then I bought another one.'
    pieces = list(prep.posts(line + "\n" + line, random.Random(3)))
    assert all(piece in line for piece in pieces)
    assert all(piece[-1] in '."!' for piece in pieces)


def test_passages_lose_nothing() -> None:
    document = "\n".join(f"Line {n} says this and that. It goes on." for n in range(200))
    passages = list(prep.passages(document))
    assert "\n".join(passages) == document
    assert max(map(len, passages)) <= prep.PASSAGE_CHARS + 1


def test_packed_rows_are_full_and_begin_with_the_end_token() -> None:
    rng = random.Random(5)
    pieces = [np.array([0, *[7] * rng.randint(2, 40)], np.uint16) for _ in range(500)]
    rows = prep.pack(pieces, 65, rng)
    assert rows.shape[1] == 65
    assert (rows[:, 0] == 0).all()
    assert rows.size > 0.95 * sum(map(len, pieces))


# A run


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A tiny corpus, as `prep.py` would leave it."""
    data = tmp_path / "text"
    data.mkdir()
    words = ["I", "we", "my", "found", "lost", "the", "cat", "hat", "tea", "again", "today", "never", "told", "him"]
    rng = np.random.default_rng(1)
    documents = [" ".join(rng.choice(words, 12)) + ". " + " ".join(rng.choice(words, 60)) + "." for _ in range(2000)]
    (data / "one.txt.xz").write_bytes(lzma.compress(f"\n{prep.END}\n".join(documents).encode()))
    mix = {"one": {"stable": 1.0, "decay": 1.0}}
    out = tmp_path / "rows"
    millions = {"stable": 0.02, "decay": 0.02}
    prep.prepare(data, out, mix, millions=millions, bpe_megabytes=0.1, seed=1, say=_silent)
    digest = json.loads((out / "meta.json").read_text("utf-8"))["shards"]["one"]["sha256"]
    assert digest == hashlib.sha256((data / "one.txt.xz").read_bytes()).hexdigest()
    return out


def test_a_killed_run_goes_on_along_the_same_curve(rows: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    pretrain(rows, whole, TINY, _silent)

    flags = [f"--{field.name.replace('_', '-')}={getattr(TINY, field.name)}" for field in fields(TINY)]
    command = [sys.executable, "-m", "finetune.bases.pretrain", f"--data={rows}", f"--work={broken}", *flags]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (broken / "checkpoint.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (broken / "model").exists()
    model = pretrain(rows, broken, TINY, _silent)

    expected, found = (
        [json.loads(line) for line in (work / "curve.jsonl").read_text("utf-8").splitlines()]
        for work in (whole, broken)
    )
    assert [record["step"] for record in found] == list(range(2, 37, 2))
    for one, other in zip(expected, found, strict=True):
        assert one == pytest.approx(other, abs=2e-3)
    assert load_tokenizer(resolve_base(str(model))).eos_token_id == 0
    assert load_model(resolve_base(str(model))).config.n_layer == 2


def test_a_file_ends_the_constant_rate_early(rows: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "decay").write_text("4", "ascii")
    pretrain(rows, work, TINY, _silent)
    last = json.loads((work / "curve.jsonl").read_text("utf-8").splitlines()[-1])
    assert last["step"] == 4
    assert last["lr"] == pytest.approx(0.2)


def test_a_finished_run_can_go_on(rows: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    pretrain(rows, work, TINY, _silent)
    first = (work / "curve.jsonl").read_text("utf-8")
    model = pretrain(rows, work, replace(TINY, decay_after=40), _silent)
    curve = (work / "curve.jsonl").read_text("utf-8")
    assert curve.startswith(first)
    assert [json.loads(line)["lr"] for line in curve.removeprefix(first).splitlines()][:2] == [1.0, 1.0]
    assert json.loads(curve.splitlines()[-1])["step"] == 40 + TINY.decay_steps
    assert load_model(resolve_base(str(model))).config.n_layer == 2
