"""Low-rank adapters on a base: which layers, how large, at which rate (Hu et al. 2021, arXiv:2106.09685)."""

import warnings
from dataclasses import dataclass
from typing import Any

import torch

from finetune.errors import RecipeError
from finetune.recipe import Recipe

SMALL = 50_000_000  # parameters


@dataclass(frozen=True, slots=True)
class Size:
    """What a recipe leaves open, settled for one base."""

    rank: int
    alpha: float
    learning_rate: float
    batch_tokens: int


def settle(recipe: Recipe, parameters: int) -> Size:
    """Rank, scale, rate and tokens a step for a base of so many parameters.

    Small bases need more rank and bear higher rates: the values for nib were measured on the bundled corpus
    (docs/finetuning.md), the others follow the usual practice for LoRA on 0.1 to 10 billion parameters.
    """
    rank = recipe.rank or (32 if parameters < SMALL else 16)
    rate = 3e-3 if parameters < SMALL else 5e-4 if parameters < 1_000_000_000 else 2e-4
    return Size(
        rank=rank,
        alpha=recipe.alpha or float(rank),
        learning_rate=recipe.learning_rate or rate,
        batch_tokens=recipe.batch_tokens or (2048 if parameters < SMALL else 4096),
    )


def add_lora(model: Any, recipe: Recipe, size: Size) -> Any:
    """The base with fresh LoRA layers, which are all that can be trained. They are kept in float32.

    Raises:
        RecipeError: the recipe names target layers that the base does not have.
    """
    from peft import LoraConfig, get_peft_model
    from transformers.pytorch_utils import Conv1D

    # GPT-2 stores its weights as (in, out), which PEFT must be told.
    transposed = any(isinstance(module, Conv1D) for module in model.modules())
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=size.rank,
        lora_alpha=size.alpha,
        lora_dropout=recipe.dropout,
        target_modules=sorted(recipe.targets) if recipe.targets else "all-linear",
        use_rslora=recipe.rslora,
        use_dora=recipe.dora,
        fan_in_fan_out=transposed,
        bias="none",
    )
    torch.manual_seed(recipe.seed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # PEFT 0.21 asks transformers 5.23 by an old name
            return get_peft_model(model, config)
    except ValueError as error:
        layers = sorted({name.rsplit(".", 1)[-1] for name in linear_layers(model)})
        message = f"The recipe's targets are {', '.join(recipe.targets or ())}, but this base has {', '.join(layers)}."
        raise RecipeError(message) from error


def linear_layers(model: Any) -> list[str]:
    """Names of the layers that LoRA can go on: linear ones but the output layer."""
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    kinds = (torch.nn.Linear, Conv1D)
    return [name for name, module in model.named_modules() if isinstance(module, kinds) and module is not head]


def trainable(model: Any) -> dict[str, torch.nn.Parameter]:
    """The parameters that the optimiser sees, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
