"""The settings of one training run: a TOML file, every key also a flag, checked before anything heavy is loaded."""

import difflib
import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from finetune.errors import RecipeError

RECIPES = Path(__file__).parent / "recipes"


class Recipe(BaseModel):
    """Every setting of a run. ``None`` means: chosen for the base, by the rule its description gives.

    Raises:
        RecipeError: from :meth:`build` and :meth:`load`; the sentence names the setting.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str = Field("nib", description="nib (bundled), a folder, or a Hub id such as gpt2")
    seed: int = Field(1, ge=0, description="of the split, the order, the topics and the samples")

    rank: int | None = Field(None, ge=1, le=1024, description="of LoRA; default 32 under 50 M parameters, else 16")
    alpha: float | None = Field(None, gt=0, description="LoRA scale is alpha / rank; default: the rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="on the input of the LoRA branch")
    targets: tuple[str, ...] | None = Field(None, description="layers that get LoRA; default every linear layer")
    rslora: bool = Field(False, description="scale by alpha / sqrt(rank) (Kalajdzievski 2023, arXiv:2312.03732)")
    dora: bool = Field(False, description="train magnitudes too (Liu et al. 2024, arXiv:2402.09353); slower")

    epochs: int = Field(4, ge=1, le=1000, description="passes over the corpus at most; the run may stop earlier")
    max_steps: int | None = Field(None, ge=1, description="stop after so many steps whatever the epochs say")
    learning_rate: float | None = Field(None, gt=0, le=1, description="peak; default by the size of the base")
    schedule: Literal["linear", "cosine", "constant"] = Field("linear", description="of the rate after the warm-up")
    warmup: float = Field(0.05, ge=0, lt=1, description="share of the steps in which the rate rises")
    weight_decay: float = Field(0.0, ge=0, description="of AdamW")
    clip: float = Field(1.0, gt=0, description="largest norm of a gradient")

    row_tokens: int | None = Field(
        None, ge=16, description="length of a packed row; default 256, or the context if less"
    )
    batch_tokens: int | None = Field(None, ge=16, description="tokens a step; default by the size of the base")
    rows_at_once: int | None = Field(None, ge=1, description="rows in one pass; default: found by itself")

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "bf16", "fp32"] = Field("auto", description="bf16 where the hardware has it")
    compile: Literal["auto", "yes", "no"] = Field(
        "auto", description="torch.compile; auto: when the run is long enough"
    )
    checkpointing: Literal["auto", "yes", "no"] = Field("auto", description="recompute activations to save memory")

    topics: float = Field(0.5, ge=0, le=1, description="share of posts that get a header naming a word of theirs")
    held_out: float = Field(0.1, gt=0, lt=0.5, description="share of the posts never trained on")

    checks_per_epoch: int = Field(1, ge=1, le=100, description="how often the run looks at itself")
    samples: int = Field(48, ge=0, le=4096, description="posts written at each check")
    max_tokens: int = Field(120, ge=4, description="a sample that has not ended by then has not stopped")
    patience: int = Field(2, ge=1, description="checks without a better held-out loss before the run stops")
    max_copy: float = Field(0.05, ge=0, le=1, description="largest share of copied samples in a checkpoint we keep")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        conflicts = {
            "rslora and dora are both on; choose one": self.rslora and self.dora,
            "batch_tokens is smaller than row_tokens, so not even one row fits a step": (
                self.batch_tokens is not None and self.row_tokens is not None and self.batch_tokens < self.row_tokens
            ),
            "precision is bf16 but device is mps, where bf16 training is not dependable; use fp32": (
                self.precision == "bf16" and self.device == "mps"
            ),
            "max_tokens is larger than row_tokens, so samples could be longer than any post seen in training": (
                self.row_tokens is not None and self.max_tokens > self.row_tokens
            ),
        }
        for sentence, wrong in conflicts.items():
            if wrong:
                raise ValueError(sentence)
        return self

    @classmethod
    def build(cls, values: Mapping[str, Any], where: str = "the recipe") -> Self:
        """Check values and make a recipe of them.

        Args:
            values: keys and values as TOML or flags give them; keys with the value None are left out.
            where: names the source in error messages.

        Raises:
            RecipeError: names the key, or the two keys in conflict.
        """
        given = {key: value for key, value in values.items() if value is not None}
        for key in given:
            if key not in cls.model_fields:
                near = difflib.get_close_matches(key, cls.model_fields, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(cls.model_fields)}."
                raise RecipeError(f"There is no setting {key!r} in {where}: {hint}")
        try:
            return cls(**given)
        except ValidationError as error:
            first = error.errors()[0]
            if not first["loc"]:
                raise RecipeError(f"In {where}: {first['msg'].removeprefix('Value error, ')}.") from error
            key = str(first["loc"][0])
            raise RecipeError(f"In {where}: {key} is {first['input']!r}, but {_expectation(first)}.") from error

    @classmethod
    def load(cls, name: str | Path, **flags: Any) -> Self:
        """Read a recipe by file name, or one of the bundled ones by its bare name; flags win over the file.

        Raises:
            RecipeError: no such file, not TOML, or a setting is wrong.
        """
        path = Path(name)
        if not path.suffix and not path.exists():
            path = RECIPES / f"{name}.toml"
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            known = ", ".join(sorted(recipe.stem for recipe in RECIPES.glob("*.toml")))
            raise RecipeError(f"There is no recipe {str(name)!r}; the bundled ones are {known}.") from error
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise RecipeError(f"The recipe {path} cannot be read as TOML: {error}.") from error
        given = {key: value for key, value in flags.items() if value is not None}
        return cls.build(values | given, where=str(path) if not given else f"{path} with the flags")

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change when any setting does."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


def _expectation(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    return message[0].lower() + message[1:].replace("Input should be", "it should be").replace("input", "it", 1)
