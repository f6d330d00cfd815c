"""How fast a LoRA step on GPT-2 124M is, in real tokens a second, against the ways people usually do it.

Baselines, measured in the same run: (a) the usual tutorial: transformers' Trainer, every post padded to 128 tokens,
fp32, batch 8; (b) the same padded per batch, bf16; (c) TRL's SFTTrainer with packing, bf16. The arithmetic limit is
what a 2048³ bf16 product reaches, at 4 operations for each parameter and token (2 forward, 2 for the gradient through
a frozen base). Every contestant runs in its own process, in turn, several rounds.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.contestants import BATCH_TOKENS, BUNDLED, IN_USE, LORA, ROW_TOKENS, SHARED
from finetune.loss import SAMPLED

POSITIONS, WIDTH = 1024, 768


def main() -> None:
    """Run the contestants in turn and compare the medians."""
    parser = report.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each contestant runs; 1 with --quick")
    options = parser.parse_args()
    layers, rounds = (2, 1) if options.quick else (12, options.rounds)
    steps = {"ours": 2, "tutorial": 2, "trl_wrapped": 2}
    if not options.quick:
        steps = {"ours": 4, "ours_whole": 3, "tutorial": 6, "padded": 8, "trl": 2, "trl_wrapped": 2}
    trl = report.installed("trl")
    if trl is None:
        steps = {name: count for name, count in steps.items() if not name.startswith("trl")}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, count in steps.items():
            found[name].append(_run(name, layers, count))
    versions = ", ".join(f"{name} {report.installed(name)}" for name in ("transformers", "peft", "torch"))
    result = report.Report(
        "finetune",
        options,
        baseline=f"transformers Trainer, fp32 at 128 (a), bf16 padded per batch (b), TRL {trl} packing (c); {versions}",
        runs=f"{rounds} rounds of {steps['ours']} to {max(steps.values())} steps each after 2 unmeasured, medians",
    )
    rate = {name: statistics.median(r for run in runs for r in run["rates"]) for name, runs in found.items()}
    for name, value in rate.items():
        result.measure(f"{name}_tokens_per_s", value, "real tokens/s")
        result.measure(f"{name}_peak_mb", max(run["memory_mb"] for run in found[name]), "MB")
    for name in rate:
        if not name.startswith("ours") and not name.startswith("trl"):
            result.measure(f"vs_{name}", rate["ours"] / rate[name], "times")
    if trl is not None:  # the faster of its two packings
        result.measure("vs_trl", rate["ours"] / max(rate[name] for name in rate if name.startswith("trl")), "times")
    # The fastest product of the whole run is the machine at its least disturbed.
    bf16, fp32 = (max(run["matrix"][key] for runs in found.values() for run in runs) for key in ("bf16", "fp32"))
    limit = bf16 / (4 * _parameters(layers))
    result.measure("bf16_gflops", bf16 / 1e9, "GFLOP/s, 2048³ product")
    result.measure("fp32_gflops", fp32 / 1e9, "GFLOP/s, 2048³ product")
    result.measure("limit_tokens_per_s", limit, "tokens/s, by arithmetic")
    result.measure("share_of_limit", rate["ours"] / limit, "of 1")
    shape = "124 M parameters" if layers == 12 else f"cut to {layers} layers"
    result.note(
        f"GPT-2 of {shape} with random weights, LoRA rank {LORA['rank']} on every linear layer for all; posts: "
        f"{SHARED.name if SHARED.exists() else BUNDLED.name} in nib's tokens; ours and (c): rows of {ROW_TOKENS}, "
        f"{BATCH_TOKENS} tokens a step."
    )
    result.note(
        f"ours learns with an output layer of {IN_USE + SAMPLED} of the 50,257 tokens (finetune/loss.py), "
        "ours_whole with all."
    )
    if trl is None:
        result.note("TRL is not installed, so (c) was not measured: pip install 'confessional[bench]'.")
    result.finish()


def _run(name: str, layers: int, steps: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.contestants", name, "--layers", str(layers), "--steps", str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    if done.returncode:
        raise SystemExit(f"The contestant {name} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _parameters(layers: int) -> int:
    """Parameters in matrix products for each token: the blocks, and the output layer that is also the embedding."""
    return layers * 12 * WIDTH * WIDTH + 50257 * WIDTH


if __name__ == "__main__":
    main()
