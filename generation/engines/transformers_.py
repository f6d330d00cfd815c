"""The engine that runs anything: transformers and peft, on CPU, GPU or Apple silicon. Needs the extra ``train``.

Its own decoding loop, because ``model.generate`` draws all rows from one generator. Here each text has its own seed
(see :mod:`generation.engines.dice`), the prompt is read once for all rows, and finished rows leave the batch. On the
CPU a matrix product may round a last bit otherwise in another batch, so a text could differ where a draw falls within
about one part in a million of a boundary between two tokens.
"""

import threading
import warnings
from collections.abc import Sequence
from typing import Any

import torch
import transformers
from peft import PeftModel
from torch import Tensor
from transformers import AutoModelForCausalLM

from generation.adapter import Adapter
from generation.codec import Codec, Start
from generation.engines.dice import uniforms
from generation.errors import EngineUnavailable, GenerationCancelled
from generation.generator import Generated, Identity, Request
from generation.sampling import Sampling

BATCH = 64  # texts written side by side


class TransformersGenerator:
    """Speaks with an adapter's LoRA weights on their base."""

    identity: Identity

    def __init__(self, adapter: Adapter, *, base: str | None = None, device: str = "cpu", threads: int = 0) -> None:
        """Load the base, put the LoRA on it and merge them.

        Args:
            adapter: an open adapter.
            base: folder or Hub id of its base, when the card's own name is neither.
            device: "cpu", "cuda", "mps" or "auto".
            threads: CPU threads; 0 leaves torch's choice.

        Raises:
            EngineUnavailable: the base cannot be loaded, or is not the one that the adapter was trained on.
        """
        if threads:
            torch.set_num_threads(threads)
        self._device = torch.device(_best_device() if device == "auto" else device)
        self._codec = Codec(adapter)
        base = base or adapter.card.base
        transformers.utils.logging.disable_progress_bar()
        try:
            model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, use_safetensors=True)
            if adapter.has("adapter_model.safetensors"):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", FutureWarning)  # PEFT 0.21 asks transformers 5.23 by an old name
                    model = PeftModel.from_pretrained(model, str(adapter.folder)).merge_and_unload()
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            message = f"The base {base} of the adapter {adapter.name} cannot be loaded with its weights: {reason}"
            raise EngineUnavailable(message) from error
        self._model: Any = model.to(self._device).eval()
        self._positions = int(getattr(model.config, "max_position_embeddings", 0) or 1024)
        self.identity = Identity(
            adapter=adapter.name,
            adapter_hash=adapter.hash,
            base=adapter.card.base,
            base_hash=adapter.card.base_hash,
            engine="transformers",
            engine_version=f"{transformers.__version__} torch {torch.__version__} float32 {self._device.type}",
            reproducible=self._device.type == "cpu",
        )

    def generate(self, request: Request, cancelled: threading.Event | None = None) -> list[Generated]:
        """A text for each of ``request.seeds``; see :class:`generation.generator.Generator`."""
        start, steps = self._codec.start(request, positions=self._positions)
        seeds = request.seeds
        texts: list[Generated] = []
        for first in range(0, len(seeds), BATCH):
            group = seeds[first : first + BATCH]
            with torch.inference_mode():
                texts.extend(self._write(start, steps, group, request.sampling, cancelled))
        return texts

    def close(self) -> None:
        """Free the weights."""
        del self._model

    def _write(
        self, start: Start, steps: int, seeds: Sequence[int], sampling: Sampling, cancelled: threading.Event | None
    ) -> list[Generated]:
        numbers = torch.from_numpy(uniforms(seeds, steps)).to(self._device if self._device.type != "mps" else "cpu")
        drawn: list[list[int]] = [[] for _ in seeds]
        logprobs = [0.0 for _ in seeds]
        alive = list(range(len(seeds)))
        output = self._model(input_ids=torch.tensor([start.ids], device=self._device), use_cache=True)
        cache = output.past_key_values
        cache.batch_repeat_interleave(len(seeds))
        logits = output.logits[:, -1].expand(len(seeds), -1)
        said = torch.empty(len(seeds), 0, dtype=torch.long, device=self._device)
        for step in range(steps):
            if cancelled is not None and cancelled.is_set():
                raise GenerationCancelled("The texts were no longer wanted.")
            tokens, scores = draw(logits.float(), said, numbers[alive, step], sampling)
            for row, token, score in zip(alive, tokens.tolist(), scores.tolist(), strict=True):
                drawn[row].append(token)
                logprobs[row] += score
            staying = [place for place, token in enumerate(tokens.tolist()) if token != self._codec.end]
            if not staying or step + 1 == steps:
                break
            if len(staying) < len(alive):
                alive = [alive[place] for place in staying]
                keep = torch.tensor(staying, device=self._device)
                cache.batch_select_indices(keep)
                tokens, said = tokens[keep], said[keep]
            said = torch.cat([said, tokens[:, None]], dim=1)
            output = self._model(input_ids=tokens[:, None], past_key_values=cache, use_cache=True)
            logits = output.logits[:, -1]
        return [
            Generated(self._codec.text(start, ids), seed, len(ids), ids[-1] == self._codec.end, logprob)
            for seed, ids, logprob in zip(seeds, drawn, logprobs, strict=True)
        ]


def draw(logits: Tensor, said: Tensor, numbers: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """One token for each row, in CTranslate2's order of steps: penalty, top-k, temperature, top-p, draw.

    Args:
        logits: float32, shape (rows, vocabulary).
        said: what each row has drawn so far, int64, shape (rows, steps); the penalty is on these.
        numbers: one in [0, 1) for each row, float64; the draw is by inverting the cumulative distribution.
        sampling: the options.

    Returns:
        Tokens, int64, and their natural-log probabilities after the penalty and before temperature, both (rows,).
    """
    if sampling.repetition_penalty != 1 and said.shape[1]:
        before = logits.gather(1, said)
        after = torch.where(before < 0, before * sampling.repetition_penalty, before / sampling.repetition_penalty)
        logits = logits.scatter(1, said, after)
    logprobs = logits.log_softmax(-1)
    if sampling.temperature == 0:
        best = logprobs.max(-1)
        return best.indices, best.values
    ids = None
    scaled = logprobs
    if 0 < sampling.top_k < logits.shape[1]:
        scaled, ids = logprobs.topk(sampling.top_k)
    scaled = scaled / sampling.temperature
    if sampling.top_p < 1:
        ranked, order = scaled.softmax(-1).sort(dim=-1, descending=True, stable=True)
        outside = torch.zeros_like(ranked, dtype=torch.bool).scatter(
            1, order, ranked.cumsum(-1) - ranked >= sampling.top_p
        )
        scaled = scaled.masked_fill(outside, -torch.inf)
    mass = scaled.softmax(-1).to(numbers.device, torch.float64).cumsum(-1)
    mass = mass / mass[:, -1:]  # ends at 1, and the numbers are below 1: the search never runs past the end
    choice = torch.searchsorted(mass, numbers[:, None]).to(logits.device)
    tokens = (choice if ids is None else ids.gather(1, choice)).squeeze(1)
    return tokens, logprobs.gather(1, tokens[:, None]).squeeze(1)


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
