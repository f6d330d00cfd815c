"""A model in training: the gradient of a step, the step, the loss on other posts, and its state on disk."""

import contextlib
import json
import math
import os
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from finetune.device import Place, keep_freed_memory
from finetune.errors import RecipeError, TrainingDiverged
from finetune.fast import ATTENTION, Plan, packed, speed_up
from finetune.lora import Size, trainable
from finetune.loss import Shortlist, head_gradient, head_loss
from finetune.recipe import Recipe
from finetune.team import Team
from finetune.tokens import IGNORED, Batch


class Learner:
    """Holds the model, the optimiser and the step count. Only LoRA weights are ever touched or saved."""

    def __init__(self, model: Any, recipe: Recipe, size: Size, place: Place, team: Team, total_steps: int) -> None:
        if place.device.type == "cpu":
            keep_freed_memory()
        self.model = model.to(place.device).eval()
        self.recipe, self.size, self.place, self.team = recipe, size, place, team
        self.total_steps = total_steps
        self.step_number = 0
        self.weights = trainable(model)
        self.optimiser = torch.optim.AdamW(
            self.weights.values(),
            lr=size.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=recipe.weight_decay,
            fused=place.device.type != "mps",
        )
        self._head = _plain_head(model)
        self._format = torch.bfloat16 if place.bf16 else torch.float32
        for parameter in model.parameters():
            if not parameter.requires_grad:
                parameter.data = parameter.data.to(self._format)
        compiled = recipe.compile == "yes"
        self._all_fast = speed_up(model, attention=not compiled)
        if compiled:
            backbone = model.get_base_model().base_model
            backbone.forward = torch.compile(backbone.forward, dynamic=False)
        self.recomputes = recipe.checkpointing == "yes"
        if self.recomputes:
            recompute_activations(model)
        self._shortlist: Shortlist | None = None
        self._dropouts = [module for name, module in model.named_modules() if "lora_dropout" in name]

    def shorten(self, used: Tensor) -> bool:
        """From now on, learn with an output layer for these tokens and a sample of the others, if the recipe wants it.

        Args:
            used: every token that is ever a label, each once.

        Returns:
            Whether it does.

        Raises:
            RecipeError: the recipe insists, but the base works out its logits in a way of its own.
        """
        choice = self.recipe.shortlist
        if choice == "yes" and self._head is None:
            raise RecipeError("shortlist is yes, but this base's output layer is not a bare product; use no or auto.")
        if self._head is not None and (
            choice == "yes" or (choice == "auto" and Shortlist.pays(len(used), len(self._head.weight)))
        ):
            self._shortlist = Shortlist(self._head.weight, used, self.recipe.seed)
        return self._shortlist is not None

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        peak, total = self.size.learning_rate, self.total_steps
        warm = max(1, round(self.recipe.warmup * total))
        if step < warm:
            return peak * (step + 1) / warm
        rest = (step - warm) / max(1, total - warm)
        match self.recipe.schedule:
            case "linear":
                return peak * (1 - rest)
            case "cosine":
                return peak * (1 + math.cos(math.pi * rest)) / 2
            case _:
                return peak

    def step(self, batches: Sequence[Batch]) -> float:
        """One optimiser step over some batches; this process's share of them when there are several.

        Returns:
            Mean loss over the labels, nats a token; an estimate where the output layer is shortened.

        Raises:
            TrainingDiverged: the loss or the gradient is not a number.
        """
        self._learning(True)
        if self._shortlist is not None:
            self._shortlist.draw(self.step_number)
        total = torch.zeros(2, device=self.place.device)
        for batch in batches:
            batch = batch.to(self.place.device)
            total += torch.stack([self._loss(batch, learn=True), (batch.labels != IGNORED).sum()])
        gradients = [weight.grad for weight in self.weights.values() if weight.grad is not None]
        self.team.add_up([total, *gradients])
        labels = total[1].clamp(min=1)
        for gradient in gradients:
            gradient.div_(labels)
        norm = torch.nn.utils.clip_grad_norm_(self.weights.values(), self.recipe.clip)
        mean = float(total[0] / labels)
        if not (math.isfinite(mean) and math.isfinite(float(norm))):
            raise TrainingDiverged(
                f"The loss is no longer a number at step {self.step_number + 1}: "
                f"lower learning_rate, which is {self.size.learning_rate:g}."
            )
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate(self.step_number)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step_number += 1
        return mean

    def rehearse(self, batch: Batch) -> None:
        """A forward and backward pass that teaches nothing: does it fit?"""
        self._loss(batch, learn=True)
        self.optimiser.zero_grad(set_to_none=True)

    def measure(self, batches: Sequence[Batch]) -> tuple[float, int]:
        """Sum of the losses in nats, and the number of labels, on posts that are not trained on."""
        self._learning(False)
        nats, labels = 0.0, 0
        for batch in batches:
            batch = batch.to(self.place.device)
            nats += float(self._loss(batch, learn=False))
            labels += int((batch.labels != IGNORED).sum())
        return nats, labels

    def save(self, path: Path, story: dict[str, Any]) -> None:
        """Write weights, optimiser, random state and ``story`` into one file, whole or not at all."""
        tensors = {f"weight/{name}": weight.detach() for name, weight in self.weights.items()}
        for name, weight in self.weights.items():
            for key, value in self.optimiser.state[weight].items():
                tensors[f"optimiser/{name}/{key}"] = value
        tensors["random"] = torch.get_rng_state()
        write_tensors(path, tensors, {"step": self.step_number, **story})

    def load(self, path: Path) -> dict[str, Any]:
        """Go on from a file that :meth:`save` wrote; returns its story."""
        tensors, story = load_file(path), read_story(path)
        for name, weight in self.weights.items():
            weight.data.copy_(tensors[f"weight/{name}"])
            prefix = f"optimiser/{name}/"
            state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
            self.optimiser.state[weight] = {
                key: value if key == "step" else value.to(self.place.device) for key, value in state.items()
            }
        torch.set_rng_state(tensors["random"])
        self.step_number = int(story["step"])
        return story

    def _loss(self, batch: Batch, *, learn: bool) -> Tensor:
        """Loss of one batch, summed over its labels; when ``learn``, its gradient is added to the weights."""
        base = self.model.get_base_model()
        plan = Plan.of(batch.position_ids, self._format) if base.config._attn_implementation == ATTENTION else None
        # No mask and no cache: then transformers, too, keeps packed posts apart by their position ids.
        inputs = {"input_ids": batch.input_ids, "position_ids": batch.position_ids, "use_cache": False}
        labels = batch.labels.flatten()
        with torch.set_grad_enabled(learn), packed(plan):
            if self._head is None:
                with self._autocast():
                    logits = base(**inputs).logits
                loss = cross_entropy(logits.float().flatten(0, 1), labels, ignore_index=IGNORED, reduction="sum")
                if learn:
                    loss.backward()
                return loss.detach()
            with self._autocast():
                hidden = base.base_model(**inputs)[0].flatten(0, 1)
            if not learn:
                return head_loss(hidden, self._head.weight, labels)
            with torch.no_grad():
                if self._shortlist is None:
                    loss, slope = head_gradient(hidden.detach(), self._head.weight, labels)
                else:
                    loss, slope = self._shortlist.gradient(hidden.detach(), labels)
            hidden.backward(slope)
            return loss

    def _autocast(self) -> AbstractContextManager[object]:
        """Needed where PEFT's own layers mix float32 LoRA weights with a bf16 base."""
        return contextlib.nullcontext() if self._all_fast else self.place.autocast()

    def _learning(self, on: bool) -> None:
        """Turn LoRA's dropout on or off; the frozen base always runs as it does when it writes."""
        for module in self._dropouts:
            module.train(on)


def recompute_activations(model: Any) -> None:
    """Keep only each block's input for the backward pass (Chen et al. 2016, arXiv:1604.06174): a third slower."""
    from transformers.modeling_layers import GradientCheckpointingLayer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the name that transformers 5.0 knows, too
        model.get_base_model().gradient_checkpointing_enable({"use_reentrant": False})
    for module in model.modules():
        if isinstance(module, GradientCheckpointingLayer):
            module.training = True  # what switches it on; its children stay as they are


def write_tensors(path: Path, tensors: dict[str, Tensor], story: dict[str, Any]) -> None:
    """Write a safetensors file with a JSON story in its header, synced and renamed into place."""
    partial = path.with_suffix(".tmp")
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(whole, partial, {"story": json.dumps(story)})
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)


def read_story(path: Path) -> dict[str, Any]:
    """The JSON story in a safetensors file's header."""
    with safe_open(path, "pt") as file:
        story: dict[str, Any] = json.loads(file.metadata()["story"])
        return story


def _plain_head(model: Any) -> Any:
    """The output layer when it is a bare matrix product, else None: then the model works out its own logits."""
    head, config = model.get_output_embeddings(), model.config
    scaled = any(getattr(config, key, None) for key in ("final_logit_softcapping", "logit_scale", "logits_scaling"))
    bare = isinstance(head, torch.nn.Linear) and head.bias is None and not head.weight.requires_grad
    return head if bare and not scaled else None
