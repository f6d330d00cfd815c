"""The default engine: CTranslate2 runs the merged, converted weights. No torch.

The adapter holds float16 weights; they run as they are on a GPU and are rounded to int8 for the CPU when they are
read. Each text is drawn from its own seed (see :mod:`generation.engines.dealer`): alone or among a hundred others,
today or tomorrow, it is the same text. A matrix product in int8 is exact whatever the batch, and the rest is done row
by row, so not even rounding differs. Another kind of processor may round otherwise.

Each core is a worker of its own, with its own share of the texts: at these sizes two threads that share every product
wait for each other so often that they are no faster than one. The workers share the weights.

Among sampled texts, what int8 changes is lost in the dice. Greedy decoding has no dice: one near tie in forty tokens
that falls the other way makes another text. There is one such text to write, so that speed matters little, and it is
written in float32 (numbers: `python -m benchmarks.generate`).
"""

import json
import os
import shutil
import threading
import weakref
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import ctranslate2

from generation.adapter import Adapter
from generation.codec import Codec
from generation.engines.dealer import ROWS, Dealer, Hand
from generation.errors import AdapterBroken, EngineUnavailable, GenerationCancelled
from generation.generator import Generated, Identity, Request
from generation.sampling import Sampling

FOLDER = "ctranslate2"
BATCH = min(64, ROWS)  # texts that one worker writes side by side


class CTranslateGenerator:
    """Speaks with an adapter's ``ctranslate2/`` folder."""

    identity: Identity

    def __init__(self, adapter: Adapter, *, device: str = "cpu", threads: int = 0) -> None:
        """Load the model and look for the way to deal each text its own random numbers.

        Args:
            adapter: an open adapter.
            device: "cpu", "cuda" or "auto" (a GPU when there is one).
            threads: CPU threads, a worker each; 0 for all that this process may use.

        Raises:
            EngineUnavailable: the adapter has no converted weights, or CTranslate2 cannot run them here.
            AdapterBroken: its tokenizer or converted weights cannot be read.
        """
        folder = adapter.folder / FOLDER
        if not adapter.has(FOLDER + "/"):
            message = (
                f"The adapter {adapter.name} has no {FOLDER} folder: its card says {adapter.card.engine}; use that."
            )
            raise EngineUnavailable(message)
        self._codec = Codec(adapter)
        try:
            self._positions = int(json.loads((folder / "config.json").read_text(encoding="utf-8"))["positions"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"{folder / 'config.json'} cannot be used ({error}); train the adapter again."
            raise AdapterBroken(message) from error
        if device == "auto":
            device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
        self._folder, self._device, self._threads = folder, device, threads or _usable_cores()
        self._turn = threading.Lock()  # one request at a time: it has all workers
        self._workers = self._threads if device == "cpu" else 1
        model = self._open("int8_float32" if device == "cpu" else "float16", self._workers)
        self._dealer = Dealer.find(model, adapter.prompt.begin)
        self._models = {"drawn": model}  # and "exact", for greedy texts, once one is wanted
        if device != "cpu":
            self._models["exact"] = model
        # A model that lives until the interpreter is taken down may abort the process: its threads must end before.
        weakref.finalize(self, self._models.clear)
        self.identity = Identity(
            adapter=adapter.name,
            adapter_hash=adapter.hash,
            base=adapter.card.base,
            base_hash=adapter.card.base_hash,
            engine="ctranslate2",
            engine_version=f"{ctranslate2.__version__} {model.compute_type} {device}",
            reproducible=self._dealer is not None,
        )

    def _open(self, compute_type: str, workers: int) -> Any:
        try:
            return ctranslate2.Generator(
                str(self._folder),
                device=self._device,
                compute_type=compute_type,
                inter_threads=workers,
                intra_threads=max(1, self._threads // workers),
            )
        except (RuntimeError, ValueError) as error:
            message = f"CTranslate2 cannot open {self._folder} on {self._device}: {str(error).splitlines()[0]}"
            raise EngineUnavailable(message) from error

    def generate(self, request: Request, cancelled: threading.Event | None = None) -> list[Generated]:
        """A text for each of ``request.seeds``; see :class:`generation.generator.Generator`."""
        start, steps = self._codec.start(request, positions=self._positions)
        options = _options(request.sampling, steps, self._codec)
        greedy = options["sampling_topk"] == 1
        seeds = request.seeds
        texts: list[Generated] = []
        with self._turn:
            if greedy and "exact" not in self._models:
                self._models["exact"] = self._open("float32", 1)
            for hand in self._write(self._codec.names(start.ids), seeds[:1] if greedy else seeds, options, cancelled):
                for seed, drawn, logprob in zip(hand.seeds, hand.drawn, hand.logprobs, strict=True):
                    stopped = drawn[-1] == self._codec.end
                    texts.append(Generated(self._codec.text(start, drawn), seed, len(drawn), stopped, logprob))
        return [replace(texts[0], seed=seed) for seed in seeds] if greedy else texts  # greedy, every seed says the same

    def _write(
        self, prompt: list[str], seeds: list[int], options: dict[str, Any], cancelled: threading.Event | None
    ) -> list[Hand]:
        """Hand each worker its share of the seeds; the written hands, in seed order."""
        greedy = options["sampling_topk"] == 1
        model = self._models["exact" if greedy else "drawn"]
        dealer, workers = (None, 1) if greedy else (self._dealer, self._workers)
        share = min(BATCH, -(-len(seeds) // workers))
        hands: list[Hand] = []
        jobs: list[Any] = []
        with ExitStack() as unfinished:  # whatever happens, no worker is left drawing
            for first in range(0, len(seeds), share):
                if len(jobs) >= workers:
                    jobs[-workers].result()
                if cancelled is not None and cancelled.is_set():
                    break
                hands.append(hand := Hand(dealer, seeds[first : first + share], options["max_length"], cancelled))
                # One example with many hypotheses: the prompt is read once, and rows stay in order.
                [job] = model.generate_batch(
                    [prompt], num_hypotheses=len(hand.seeds), callback=hand, asynchronous=True, **options
                )
                jobs.append(job)
                unfinished.callback(_finish, hand, job)
                while not hand.begun.wait(0.1) and not job.done():
                    pass
        if cancelled is not None and cancelled.is_set():
            raise GenerationCancelled("The texts were no longer wanted.")
        return hands

    def close(self) -> None:
        """Free the weights. The random generator's memory goes with its thread, so the dealer goes first."""
        self._dealer = None
        self._models.clear()


def _finish(hand: Hand, job: Any) -> None:
    try:
        job.result()
    finally:
        hand.end()


def convert(merged: Path, out: Path) -> None:
    """Write CTranslate2's form of a transformers model folder, in float16.

    Needs torch and transformers, which the extra ``train`` brings; nothing else of this module does.

    Args:
        merged: a plain transformers folder, the LoRA merged into it.
        out: the folder to make; it appears whole or not at all.

    Raises:
        EngineUnavailable: CTranslate2 does not know the architecture; serve it with the transformers engine.
    """
    from ctranslate2.converters import TransformersConverter

    partial = out.with_name(out.name + ".tmp")
    shutil.rmtree(partial, ignore_errors=True)
    config = json.loads((merged / "config.json").read_text(encoding="utf-8"))
    try:
        TransformersConverter(str(merged)).convert(str(partial), quantization="float16")
    except (ValueError, NotImplementedError, KeyError, AttributeError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        architecture = (config.get("architectures") or ["this model"])[0]
        message = (
            f"CTranslate2 {ctranslate2.__version__} cannot convert {architecture} ({error}); transformers can run it."
        )
        raise EngineUnavailable(message) from error
    served = json.loads((partial / "config.json").read_text(encoding="utf-8"))
    # A tokenizer without an unknown token is written down as null, which CTranslate2 then refuses to read.
    served["unk_token"] = served.get("unk_token") or served["eos_token"]
    served["positions"] = config.get("n_positions") or config.get("max_position_embeddings") or 1024
    (partial / "config.json").write_text(json.dumps(served, indent=2), encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    partial.replace(out)


def _options(sampling: Sampling, steps: int, codec: Codec) -> dict[str, Any]:
    """CTranslate2's names for our options. Its scores are of the penalised distribution, before temperature."""
    greedy = sampling.temperature == 0 or sampling.top_k == 1
    return {
        "max_length": steps,
        "end_token": [codec.end],
        "return_end_token": True,
        "include_prompt_in_result": False,
        "return_scores": True,
        "repetition_penalty": sampling.repetition_penalty,
        "sampling_topk": 1 if greedy else min(sampling.top_k, codec.size),
        "sampling_topp": 1.0 if greedy else sampling.top_p,
        "sampling_temperature": 1.0 if greedy else sampling.temperature,
    }


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
