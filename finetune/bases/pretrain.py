"""Pretrain a small GPT-2 from the rows that ``prep.py`` made: on a CPU, in an hour or two, beside other work.

Muon for the matrices inside the blocks, AdamW for embeddings, norms and biases, bf16 autocast, ``torch.compile``. The
rate warms up, stays constant, and decays linearly to zero over a second, more conversational file of rows
(warm-up-stable-decay: Hu et al. 2024, "MiniCPM", arXiv:2404.06395). The stable rows are half as long: attention costs
less while the model is still learning words (Li et al. 2022, arXiv:2108.06084).

The schedule counts steps, never time, so the process may be stopped and continued. The decay begins after a set number
of steps, or as soon as a file ``decay`` in the work folder holds its length in steps: a run can be ended at any time.
A checkpoint holds weights, optimiser state and progress and is renamed into place when complete. Rows are read in file
order and nothing after the first step is random, so a run that was killed continues on the same curve. A finished run
that is given a later end of the constant rate goes on from its decayed weights (WSD-S: Wen et al. 2024,
arXiv:2410.05192), so that no hour of training is thrown away.

    python -m finetune.bases.prep --data CORPUS --out ROWS
    nice python -m finetune.bases.pretrain --data ROWS --work WORK
"""

import argparse
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import GPT2Config, GPT2LMHeadModel

from finetune.bases.muon import Muon

Rows = NDArray[np.uint16]
PHASES = ("stable", "decay", "val")


@dataclass(frozen=True, slots=True)
class Settings:
    """What one pretraining run is made of; the defaults made the bundled base."""

    width: int = 256
    layers: int = 8
    heads: int = 4
    batch_tokens: int = 4096  # of one step
    warmup: int = 100  # steps
    decay_after: int = 2400  # steps, warm-up among them
    decay_steps: int = 1000
    muon_lr: float = 0.01
    adam_lr: float = 0.002
    log_every: int = 25  # steps; the validation loss is taken every twentieth time
    checkpoint_every: int = 200  # steps; a multiple of log_every, or a resumed curve has other averages
    threads: int = 2  # at most
    seed: int = 1  # of the first weights
    compile: int = 1  # 0 where there is no C++ compiler


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come."""

    step: int = 0
    decay_from: int | None = None  # the step at which the decay began
    decay_steps: int = 0

    def rate(self, warmup: int) -> float:
        """The share of the full rate at this step: linear warm-up, constant, linear to zero."""
        if self.decay_from is not None:
            return max(0.0, 1 - (self.step - self.decay_from + 1) / (self.decay_steps + 1))
        return min(1.0, (self.step + 1) / warmup)

    @property
    def finished(self) -> bool:
        """Whether the decay is over."""
        return self.decay_from is not None and self.step >= self.decay_from + self.decay_steps


def build(settings: Settings, context: int, vocab: int) -> Any:
    """A fresh GPT-2 without dropout (text is seen about once), tied embeddings, token 0 to begin and to end."""
    config = GPT2Config(
        vocab_size=vocab,
        n_positions=context,
        n_embd=settings.width,
        n_layer=settings.layers,
        n_head=settings.heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
        attn_implementation="eager",  # at 128 tokens torch's flash kernel for CPUs is slower: its backward pass
    )
    return GPT2LMHeadModel(config)


def make_optimisers(model: nn.Module, settings: Settings) -> list[Any]:
    """Muon for the blocks' matrices, AdamW for all else; each group keeps its full rate as ``base``."""
    matrices, splits, rest = [], [], []
    for name, param in model.named_parameters():
        if param.ndim == 2 and ".h." in name:
            matrices.append(param)
            splits.append(3 if "c_attn" in name else 1)
        else:
            rest.append(param)
    muon = Muon(matrices, splits, lr=settings.muon_lr)
    adam = torch.optim.AdamW(rest, lr=settings.adam_lr, betas=(0.9, 0.98), eps=1e-10, weight_decay=0.0, fused=True)
    for optimiser in (muon, adam):
        for group in optimiser.param_groups:
            group["base"] = group["lr"]
    return [muon, adam]


def save_checkpoint(work: Path, model: nn.Module, optimisers: list[Any], progress: Progress) -> None:
    """Write one safetensors file, progress in its header, and rename it into place."""
    names = {param: name for name, param in model.named_parameters()}
    tensors = {f"model/{name}": param.data for param, name in names.items()}
    for optimiser in optimisers:
        for param, state in optimiser.state.items():
            tensors |= {f"state/{names[param]}/{key}": value for key, value in state.items()}
    temporary = work / "checkpoint.tmp"
    save_file(tensors, temporary, {"progress": json.dumps(asdict(progress))})
    with temporary.open("rb") as handle:
        os.fsync(handle.fileno())
    temporary.replace(work / "checkpoint.safetensors")


def load_checkpoint(work: Path, model: nn.Module, optimisers: list[Any]) -> Progress:
    """Fill model and optimisers from the checkpoint, if there is one; the progress it holds, or a fresh one."""
    path = work / "checkpoint.safetensors"
    if not path.exists():
        return Progress()
    names = {param: name for name, param in model.named_parameters()}
    with safe_open(path, "pt") as saved:
        for param, name in names.items():
            param.data.copy_(saved.get_tensor(f"model/{name}"))
        for optimiser in optimisers:
            for param in (param for group in optimiser.param_groups for param in group["params"]):
                prefix = f"state/{names[param]}/"
                keys = [key for key in saved.keys() if key.startswith(prefix)]  # noqa: SIM118 (not a mapping)
                optimiser.state[param] = {key.removeprefix(prefix): saved.get_tensor(key) for key in keys}
        return Progress(**json.loads(saved.metadata()["progress"]))


def trim_curve(curve: Path, step: int) -> None:
    """Drop what a killed run logged after its last checkpoint."""
    if curve.exists():
        lines = [line for line in curve.read_text("utf-8").splitlines() if json.loads(line)["step"] <= step]
        curve.write_text("".join(line + "\n" for line in lines), "utf-8")


def batches(rows: Rows, first: int, batch_tokens: int) -> Iterator[Tensor]:
    """Endless batches (rows, row length) of int64, from batch number ``first`` on, in file order, round and round."""
    size = max(1, batch_tokens // (rows.shape[1] - 1))
    usable = len(rows) // size
    while True:
        at = first % usable * size
        yield torch.from_numpy(rows[at : at + size].astype(np.int64))
        first += 1


class Courtesy:
    """Chooses how many threads to use, so that training fits beside other programs.

    The threads of one matrix product wait for each other: one that shares its core with a busy program holds all of
    them up, so that fewer threads are faster then. Needs Linux; elsewhere every thread is used.
    """

    def __init__(self, threads: int) -> None:
        """Begin to watch."""
        self.threads = threads
        self.cores = os.cpu_count() or 1
        self.wall, self.busy = time.monotonic(), self._others()

    @staticmethod
    def _others() -> float:
        """Seconds of processor time that other programs have used since the machine's start."""
        try:
            user, nice, system = map(int, Path("/proc/stat").read_text("ascii").split(maxsplit=4)[1:4])
        except OSError:
            return 0.0
        return (user + nice + system) / os.sysconf("SC_CLK_TCK") - time.process_time()

    def adapt(self) -> None:
        """Use the cores that others left free since the last call (one at least); looks at most every two seconds."""
        wall = time.monotonic()
        if wall - self.wall < 2:
            return
        busy = self._others()
        taken = round((busy - self.busy) / (wall - self.wall))
        self.wall, self.busy = wall, busy
        torch.set_num_threads(max(1, min(self.threads, self.cores - taken)))


def reopened(progress: Progress, settings: Settings) -> Progress:
    """A finished run back in its constant-rate phase, if the settings now end that phase later; else as it is."""
    if progress.finished and settings.decay_after > progress.step:
        return replace(progress, decay_from=None, decay_steps=0)
    return progress


def next_phase(progress: Progress, settings: Settings, work: Path) -> Progress:
    """Begin the decay when its step has come, or when the file ``decay`` asks for it."""
    command = work / "decay"
    if progress.decay_from is not None or not (command.exists() or progress.step >= settings.decay_after):
        return progress
    length = int(command.read_text("ascii")) if command.exists() else settings.decay_steps
    return replace(progress, decay_from=progress.step, decay_steps=length)


def pretrain(data: Path, work: Path, settings: Settings, say: Callable[[str], None]) -> Path:
    """Train from the last checkpoint (or from nothing) to the end of the decay.

    Args:
        data: folder with ``stable.npy``, ``decay.npy``, ``val.npy`` (uint16, one row longer than the context by one)
            and ``tokenizer.json``, as ``prep.py`` writes them.
        work: folder for ``checkpoint.safetensors``, ``curve.jsonl`` and the finished ``model``.
        settings: those of a resumed run must be those it began with.
        say: takes one line of news.

    Returns:
        The folder of the finished model, half precision.
    """
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    work.mkdir(parents=True, exist_ok=True)
    rows: dict[str, Rows] = {phase: np.load(data / f"{phase}.npy") for phase in PHASES}
    vocab = len(json.loads((data / "tokenizer.json").read_text("utf-8"))["model"]["vocab"])
    model = build(settings, rows["decay"].shape[1] - 1, vocab)
    optimisers = make_optimisers(model, settings)
    progress = reopened(load_checkpoint(work, model, optimisers), settings)
    curve = work / "curve.jsonl"
    trim_curve(curve, progress.step)
    say(f"{sum(param.numel() for param in model.parameters()) / 1e6:.2f} M parameters, from step {progress.step}")

    def loss_of(ids: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(input_ids=ids[:, :-1], use_cache=False).logits
        return cross_entropy(logits.reshape(-1, vocab).float(), ids[:, 1:].reshape(-1))

    def validate() -> float:
        held_out = torch.from_numpy(rows["val"][:256].astype(np.int64))
        with torch.no_grad():
            return float(sum(loss_of(part).item() * len(part) for part in held_out.split(16)) / len(held_out))

    train_loss = torch.compile(loss_of) if settings.compile else loss_of
    courtesy, losses, wall = Courtesy(settings.threads), [], time.monotonic()
    source: Iterator[Tensor] | None = None
    while not progress.finished:
        began = progress.decay_from
        progress = next_phase(progress, settings, work)
        if source is None or progress.decay_from != began:
            phase = "stable" if progress.decay_from is None else "decay"
            source = batches(rows[phase], progress.step - (progress.decay_from or 0), settings.batch_tokens)
            say(f"{phase} rows from step {progress.step}")
        rate = progress.rate(settings.warmup)
        courtesy.adapt()
        loss = train_loss(next(source))
        loss.backward()
        losses.append(loss.item())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["base"] * rate
            optimiser.step()
            optimiser.zero_grad()
        progress = replace(progress, step=progress.step + 1)
        if progress.step % settings.log_every == 0:
            record = {"step": progress.step, "loss": round(sum(losses) / len(losses), 4), "lr": round(rate, 4)}
            if progress.step % (settings.log_every * 20) == 0 or progress.finished:
                record["val"] = round(validate(), 4)
            with curve.open("a", encoding="utf-8") as handle:
                handle.write(json.dumps(record) + "\n")
            speed = len(losses) * settings.batch_tokens / (time.monotonic() - wall)
            say(f"{record}, {speed:.0f} tokens a second on {torch.get_num_threads()} threads")
            losses, wall = [], time.monotonic()
        if progress.step % settings.checkpoint_every == 0 or progress.finished:
            save_checkpoint(work, model, optimisers, progress)
    return finish(model, data, work)


def finish(model: Any, data: Path, work: Path) -> Path:
    """Write the model folder: half-precision weights and the tokenizer, under a temporary name until complete."""
    temporary, folder = work / "model.tmp", work / "model"
    shutil.rmtree(folder, ignore_errors=True)  # that of the run before this one went on
    model.half().save_pretrained(temporary)
    (temporary / "tokenizer.json").write_bytes((data / "tokenizer.json").read_bytes())
    config = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "model_max_length": model.config.n_positions}
    text = json.dumps({**config, "tokenizer_class": "PreTrainedTokenizerFast"}, indent=2)
    (temporary / "tokenizer_config.json").write_text(text + "\n", "utf-8")
    return temporary.replace(folder)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that prep.py wrote")
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoint, curve and finished model")
    for field in fields(Settings):
        kind = type(field.default)
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, default=field.default, help="%(default)s")
    given = vars(parser.parse_args())
    console = Console(highlight=False, soft_wrap=True, markup=False)
    pretrain(given.pop("data"), given.pop("work"), Settings(**given), console.print)


if __name__ == "__main__":
    main()
