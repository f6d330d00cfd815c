"""Texts a second in bulk: our engine against the tutorial, against batched `generate`, against CTranslate2 alone.

Two models: GPT-2's shape of 124 million parameters with random weights (speed does not depend on what they say), and
the bundled nib. Posts of 40 tokens, the same sampling options for all. The contenders take turns in every round, so
that a busy machine is busy for all of them; ratios are medians over rounds of the ratio within a round.

    tutorial   model.generate, float32, one text at a time
    batched    model.generate, float32, 32 texts at a time
    raw        ctranslate2.Generator.generate_batch, int8, our options, batch and workers, tokens not made into text
    ours       CTranslateGenerator.generate, int8, each text from its own seed

Twenty people who ask at the same moment, with the shelf empty, wait for the queue: one call of the engine for all of
them, as it is, against one for each.

Also: what int8 costs in held-out loss and in greedy agreement, memory, and how long `confess --help` and a bot take to
start. `--model nib` or `--model gpt2` measures one model only.
"""

import argparse
import asyncio
import csv
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.report import Report
from bot.worker import GeneratorWorker
from finetune.base import BASES
from generation.adapter import Adapter, Card, open_adapter, save_card
from generation.engines.ctranslate import BATCH, CTranslateGenerator, convert
from generation.generator import Request
from generation.prompt import PromptFormat
from generation.sampling import Sampling

TOKENS = 40
THREADS = 2
TOGETHER = THREADS * BATCH  # texts in flight
CORPUS = BASES.parent / "corpora" / "confessions.csv"
SAMPLING = Sampling(max_tokens=TOKENS)
RARE = "Ā"  # nib's end mark here: a token it never draws, so that every post has 40 tokens
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Contender:
    """One way of writing texts."""

    name: str
    write: Callable[[int], object]  # that many texts
    texts: int  # in one round


def main() -> None:
    """Measure, print."""
    parser = report.parser(__doc__)
    parser.add_argument("--model", choices=["gpt2", "nib", "both"], default="both", help="which model")
    parser.add_argument("--peak", nargs=2, metavar=("CONTENDER", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        _peak(*options.peak)
        return
    from importlib.metadata import version

    baseline = (
        f"transformers {version('transformers')} on torch {version('torch')}, ctranslate2 {version('ctranslate2')}"
    )
    rounds = 3 if options.quick else 4
    runs = f"{rounds} rounds, contenders taking turns; medians; posts of {TOKENS} tokens; {THREADS} threads"
    result = Report("generate", options, baseline, runs)
    models = ["nib"] if options.quick else ["gpt2", "nib"] if options.model == "both" else [options.model]
    with tempfile.TemporaryDirectory() as scratch:
        for name in models:
            adapter = make_adapter(name, Path(scratch))
            speed(result, name, adapter, rounds, options.quick, lead=name == models[0])
            memory(result, name, adapter)
        if "nib" in models:
            asyncio.run(queue(result, make_adapter("nib", Path(scratch) / "queue"), rounds))
            likeness(result, make_adapter("nib", Path(scratch) / "whole", end="<|endoftext|>"), options.quick)
        start_up(result, make_adapter("nib", Path(scratch) / "home" / "adapters"), rounds)
    if options.quick:
        result.note("--quick measures nib alone; the targets are for GPT-2's shape.")
    result.finish()


def make_adapter(name: str, root: Path, *, end: str | None = None) -> Adapter:
    """An adapter folder without LoRA around a base: nib, or GPT-2's shape with random weights."""
    base = BASES / "nib" if name == "nib" else random_gpt2(root)
    folder = root / name
    folder.mkdir(parents=True)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(base / file, folder / file)
    PromptFormat(end=end or (RARE if name == "nib" else "<|endoftext|>")).save(folder)
    convert(base, folder / "ctranslate2")
    card = Card(name, str(base), "", "GPT2LMHeadModel", datetime.now(UTC), engine="ctranslate2")
    save_card(folder, card)
    return open_adapter(folder)


def random_gpt2(root: Path) -> Path:
    """GPT-2's 124 M shape and vocabulary size, random weights, on disk."""
    import torch
    from tokenizers import Tokenizer, models
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    folder, mark = root / "gpt2-base", "<|endoftext|>"
    torch.manual_seed(0)
    model: Any = GPT2LMHeadModel(GPT2Config())
    model.save_pretrained(str(folder))
    words = {f"w{number}": number for number in range(50256)} | {mark: 50256}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token=mark))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=mark, eos_token=mark, unk_token=mark).save_pretrained(
        str(folder)
    )
    return folder


def ours(adapter: Adapter) -> Callable[[int], object]:
    """Our engine."""
    generator = CTranslateGenerator(adapter, threads=THREADS)
    assert generator.identity.reproducible, "this machine cannot deal seeds, and it would not be the engine we promise"
    return lambda count: generator.generate(Request(count=count, seed=1, sampling=SAMPLING))


def raw(adapter: Adapter) -> Callable[[int], object]:
    """CTranslate2 as it comes, with our options."""
    import ctranslate2

    model = ctranslate2.Generator(
        str(adapter.folder / "ctranslate2"), compute_type="int8_float32", inter_threads=THREADS, intra_threads=1
    )
    options = {
        "max_length": TOKENS,
        "end_token": adapter.prompt.end,
        "include_prompt_in_result": False,
        "return_scores": True,
        "sampling_topk": SAMPLING.top_k,
        "sampling_topp": SAMPLING.top_p,
        "sampling_temperature": SAMPLING.temperature,
        "repetition_penalty": SAMPLING.repetition_penalty,
        "max_batch_size": BATCH,
    }
    return lambda count: model.generate_batch([[adapter.prompt.begin]] * count, **options)


def transformers(adapter: Adapter, batch: int) -> Callable[[int], object]:
    """``model.generate`` with a batch size, as tutorials do."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(THREADS)
    tokenizer = AutoTokenizer.from_pretrained(adapter.card.base)
    model: Any = AutoModelForCausalLM.from_pretrained(adapter.card.base, dtype=torch.float32).eval()
    end = tokenizer.convert_tokens_to_ids(adapter.prompt.end)
    begin = tokenizer.convert_tokens_to_ids(adapter.prompt.begin)

    def write(count: int) -> object:
        texts: list[str] = []
        for _ in range(0, count, batch):
            ids = torch.full((min(batch, count), 1), begin)
            with torch.inference_mode():
                rows = model.generate(
                    input_ids=ids,
                    attention_mask=torch.ones_like(ids),
                    do_sample=True,
                    max_new_tokens=TOKENS,
                    temperature=SAMPLING.temperature,
                    top_p=SAMPLING.top_p,
                    top_k=SAMPLING.top_k,
                    repetition_penalty=SAMPLING.repetition_penalty,
                    eos_token_id=end,
                    pad_token_id=end,
                )
            texts += tokenizer.batch_decode(rows, skip_special_tokens=True)
        return texts

    return write


def speed(result: Report, name: str, adapter: Adapter, rounds: int, quick: bool, *, lead: bool) -> None:
    """Texts a second of all contenders, round by round. The first model's ratios have the plain keys."""
    tutorial = transformers(adapter, 1)
    contenders = [
        Contender("tutorial", tutorial, 2 if quick or name == "gpt2" else 6),
        Contender("batched", transformers(adapter, 32), 32),
        Contender("raw", raw(adapter), TOGETHER if quick or name == "gpt2" else 4 * TOGETHER),
        Contender("ours", ours(adapter), TOGETHER if quick or name == "gpt2" else 4 * TOGETHER),
    ]
    rates: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for contender in contenders:
        contender.write(min(contender.texts, 32))  # warm
    for turn in range(rounds):
        for contender in contenders if turn % 2 == 0 else reversed(contenders):
            start = time.perf_counter()
            contender.write(contender.texts)
            rates[contender.name].append(contender.texts / (time.perf_counter() - start))
    prefix = "" if lead else f"{name}_"
    for against, key in (("tutorial", "vs_tutorial"), ("batched", "vs_batched"), ("raw", "vs_raw_engine")):
        ratios = [mine / theirs for mine, theirs in zip(rates["ours"], rates[against], strict=True)]
        result.measure(prefix + key, statistics.median(ratios), "times")
    rows = [
        (
            contender.name,
            statistics.median(rates[contender.name]),
            min(rates[contender.name]),
            max(rates[contender.name]),
        )
        for contender in contenders
    ]
    result.measure(f"{prefix}texts_per_second", rows[-1][1], "1/s")
    result.table(f"{name}: texts a second", ["", "median", "slowest", "fastest"], rows)


def memory(result: Report, name: str, adapter: Adapter) -> None:
    """Peak resident memory of each contender in a process of its own."""
    rows = []
    for contender in ("ours", "raw", "batched", "tutorial"):
        command = [sys.executable, "-m", "benchmarks.generate", "--peak", contender, str(adapter.folder)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        rows.append((contender, int(done.stdout.split()[-1])))
    result.measure(f"{name}_peak_mb", rows[0][1], "MB")
    result.table(f"{name}: peak memory, MB, one batch", ["", "MB"], rows)


def _peak(contender: str, folder: str) -> None:
    adapter = open_adapter(Path(folder))
    texts = {"ours": TOGETHER, "raw": TOGETHER, "batched": 32, "tutorial": 1}[contender]
    if contender in ("ours", "raw"):
        (ours if contender == "ours" else raw)(adapter)(texts)
    else:
        transformers(adapter, texts)(texts)
    # Not getrusage's maximum: that one is handed down from the process that started this one.
    status = Path("/proc/self/status").read_text().splitlines()
    print(int(next(line for line in status if line.startswith("VmHWM")).split()[1]) * 1024 // 1_000_000)


async def queue(result: Report, adapter: Adapter, rounds: int) -> None:
    """Twenty wishes for four texts each, through the bot's own queue; ways of serving them take turns."""
    crowd, each = 20, 4
    ways = {"together": {}, "one by one": {"together": 1}}
    waited: dict[str, list[float]] = {way: [] for way in ways}
    spans: dict[str, list[float]] = {way: [] for way in ways}

    async def ask(worker: GeneratorWorker, number: int) -> float:
        start = time.perf_counter()
        request = Request(count=each, seed=number * each, sampling=SAMPLING)
        await worker.generate(request, who=f"person {number}")
        return 1000 * (time.perf_counter() - start)

    for _ in range(rounds):
        for way, options in ways.items():
            async with GeneratorWorker(lambda: CTranslateGenerator(adapter, threads=THREADS), **options) as worker:
                await ask(worker, crowd)  # warm
                start = time.perf_counter()
                waited[way] += await asyncio.gather(*(ask(worker, number) for number in range(crowd)))
                spans[way].append(time.perf_counter() - start)
    ratios = [alone / merged for alone, merged in zip(spans["one by one"], spans["together"], strict=True)]
    result.measure("queue_vs_one_by_one", statistics.median(ratios), "times")
    rows = [
        (way, crowd * each / statistics.median(spans[way]), times.p50, times.p99)
        for way, times in ((way, report.Times(tuple(waited[way]))) for way in ways)
    ]
    result.measure("queue_p50_ms", rows[0][2], "ms")
    result.measure("queue_p99_ms", rows[0][3], "ms")
    result.table(f"nib: {crowd} at once, {each} texts each", ["", "texts/s", "p50 ms", "p99 ms"], rows)


def likeness(result: Report, adapter: Adapter, quick: bool) -> None:
    """What int8 changes: loss on real posts, and greedy texts for prompts cut from them, against float32."""
    import ctranslate2
    import torch
    from transformers import AutoModelForCausalLM

    from generation.codec import Codec

    with CORPUS.open(encoding="utf-8", newline="") as file:
        rows = [row["confession"] for row in csv.DictReader(file)]
    codec = Codec(adapter)
    torch.set_num_threads(THREADS)
    exact: Any = AutoModelForCausalLM.from_pretrained(adapter.card.base, dtype=torch.float32).eval()
    int8: Any = ctranslate2.Generator(
        str(adapter.folder / "ctranslate2"), compute_type="int8_float32", intra_threads=THREADS
    )
    total, ours_sum, exact_sum = 0, 0.0, 0.0
    for row in rows[: 100 if quick else 500]:
        ids = [codec.end, *codec.start(Request(prompt=row), positions=256)[0].prompt, codec.end]
        [scored] = int8.score_batch([codec.names(ids)])
        with torch.inference_mode():
            logprobs: Any = exact(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
        total += len(ids) - 1
        ours_sum -= sum(scored.log_probs)
        exact_sum -= float(logprobs.gather(1, torch.tensor(ids[1:])[:, None]).sum())
    result.measure("int8_loss_ratio", ours_sum / exact_sum, f"times float32's {exact_sum / total:.3f} nats")

    engine, greedy = (
        CTranslateGenerator(adapter, threads=THREADS),
        Sampling(max_tokens=TOKENS, temperature=0, repetition_penalty=1),
    )
    count, by_engine, by_int8 = 40 if quick else 200, 0, 0
    for row in rows[:count]:
        request = Request(prompt=" ".join(row.split()[:4]), sampling=greedy)
        start, _ = codec.start(request, positions=256)
        with torch.inference_mode():
            ids = torch.tensor([start.ids])
            wanted = exact.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=TOKENS,
                eos_token_id=codec.end, pad_token_id=codec.end,
            )[0, len(start.ids):].tolist()  # fmt: skip
        [answer] = int8.generate_batch(
            [codec.names(start.ids)], max_length=TOKENS, end_token=[codec.end], return_end_token=True,
            include_prompt_in_result=False,
        )  # fmt: skip
        by_int8 += answer.sequences_ids[0] == wanted
        by_engine += engine.generate(request)[0].text == codec.text(start, wanted)
    result.measure("greedy_same", by_engine / count, f"of {count} prompts, up to {TOKENS} tokens each")
    result.measure("greedy_same_were_it_int8", by_int8 / count, "of the same prompts; why greedy texts are not int8")


def start_up(result: Report, adapter: Adapter, rounds: int) -> None:
    """`confess --help`, and a bot until it could answer: settings, database, gate and engine open."""
    home = adapter.folder.parents[1]
    confess = [sys.executable, "-m", "bot", "-C", str(home)]
    subprocess.run([*confess, "db", "upgrade"], cwd=ROOT, check=True, capture_output=True)
    opening = (
        "import asyncio, os, sys; os.chdir(sys.argv[1])\n"
        "from bot.settings import load_settings; from bot.wiring import open_composer\n"
        "async def main():\n    async with open_composer(load_settings()): pass\n"
        "asyncio.run(main())"
    )
    commands = {
        "help_seconds": [*confess, "--help"],
        "bot_start_seconds": [sys.executable, "-c", opening, str(home)],
        "python_start_seconds": [sys.executable, "-c", "pass"],
    }
    for key, command in commands.items():

        def once(command: list[str] = command) -> float:
            start = time.perf_counter()
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
            return time.perf_counter() - start

        result.measure(key, report.median_of(once, rounds), "s")


if __name__ == "__main__":
    main()
