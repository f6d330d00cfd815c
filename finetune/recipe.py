"""The settings of one training run: a TOML file, every key also a flag, checked before anything heavy is loaded.

A plain dataclass, so that the command line can read its keys in a moment; pydantic checks the values when one is built.
"""

import difflib
import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Gt, Le, Lt
from typing_extensions import Doc

from finetune.errors import RecipeError

RECIPES = Path(__file__).parent / "recipes"

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "bf16", "fp32"]
Schedule = Literal["linear", "cosine", "constant"]
Choice = Literal["auto", "yes", "no"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Every setting of a run. ``None`` means: chosen for the base, by the rule its description gives."""

    base: Annotated[str, Doc("nib (bundled), a folder, or a Hub id such as gpt2")] = "nib"
    seed: Annotated[int, Ge(0), Doc("of the split, the order, the topics and the samples")] = 1

    rank: Annotated[int | None, Ge(1), Le(1024), Doc("of LoRA; 32 under 50 M parameters, else 16")] = None
    alpha: Annotated[float | None, Gt(0), Doc("LoRA's scale is alpha / rank; the rank")] = None
    dropout: Annotated[float, Ge(0), Lt(1), Doc("on the input of the LoRA branch")] = 0.0
    targets: Annotated[tuple[str, ...] | None, Doc("layers that get LoRA; every linear one")] = None
    rslora: Annotated[bool, Doc("scale by alpha / sqrt(rank) (Kalajdzievski 2023, arXiv:2312.03732)")] = False
    dora: Annotated[bool, Doc("train magnitudes too, slower (Liu et al. 2024, arXiv:2402.09353)")] = False

    epochs: Annotated[int, Ge(1), Le(1000), Doc("passes over the corpus at most; the run may stop earlier")] = 4
    max_steps: Annotated[int | None, Ge(1), Doc("stop after so many steps whatever the epochs say")] = None
    learning_rate: Annotated[float | None, Gt(0), Le(1), Doc("at its peak; by the size of the base")] = None
    schedule: Annotated[Schedule, Doc("of the rate after the warm-up")] = "linear"
    warmup: Annotated[float, Ge(0), Lt(1), Doc("share of the steps in which the rate rises")] = 0.05
    weight_decay: Annotated[float, Ge(0), Doc("of AdamW")] = 0.0
    clip: Annotated[float, Gt(0), Doc("largest norm of a gradient")] = 1.0

    row_tokens: Annotated[int | None, Ge(16), Doc("of a packed row; 256, or the base's context if that is less")] = None
    batch_tokens: Annotated[int | None, Ge(16), Doc("of a step; by the size of the base")] = None
    rows_at_once: Annotated[int | None, Ge(1), Doc("rows in one pass; as many as memory takes")] = None

    device: Annotated[Device, Doc("where to train")] = "auto"
    precision: Annotated[Precision, Doc("of matrix products; auto: bf16 where the hardware has it")] = "auto"
    compile: Annotated[Choice, Doc("torch.compile; auto: no, as it has not been seen to pay")] = "auto"
    shortlist: Annotated[Choice, Doc("softmax over the corpus's tokens and some others; auto: if it halves them")] = (
        "auto"
    )
    checkpointing: Annotated[Choice, Doc("recompute activations; auto: when memory asks for it")] = "auto"

    topics: Annotated[float, Ge(0), Le(1), Doc("share of posts with a header that names a word of theirs")] = 0.5
    held_out: Annotated[float, Gt(0), Lt(0.5), Doc("share of the posts that is never trained on")] = 0.1

    checks_per_epoch: Annotated[int, Ge(1), Le(100), Doc("how often the run looks at itself")] = 1
    samples: Annotated[int, Ge(1), Le(4096), Doc("posts written at each check")] = 50
    max_tokens: Annotated[int, Ge(4), Doc("a sample that has not ended by then has not stopped")] = 120
    patience: Annotated[int, Ge(1), Doc("checks without a better held-out loss before the run stops")] = 2
    max_copy: Annotated[float, Ge(0), Le(1), Doc("share of copied samples above which a checkpoint is passed over")] = (
        0.05
    )

    @classmethod
    def build(cls, values: Mapping[str, Any], where: str = "the recipe") -> Self:
        """Check values and make a recipe of them.

        Args:
            values: keys and values as TOML or flags give them; keys with the value None are left out.
            where: names the source in error messages.

        Raises:
            RecipeError: names the key, or the two keys in conflict.
        """
        from pydantic import TypeAdapter, ValidationError

        known = [field.name for field in fields(cls)]
        given = {key: value for key, value in values.items() if value is not None}
        for key in given:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(known)}."
                raise RecipeError(f"There is no setting {key!r} in {where}: {hint}")
        try:
            recipe = TypeAdapter(cls).validate_python(given)
        except ValidationError as error:
            first = error.errors()[0]
            message = first["msg"].replace("Input should be", "it should be")
            raise RecipeError(f"In {where}: {first['loc'][0]} is {first['input']!r}, but {message}.") from error
        for sentence, wrong in recipe._conflicts().items():
            if wrong:
                raise RecipeError(f"In {where}: {sentence}.")
        return recipe

    @classmethod
    def load(cls, name: str | Path = "default", flags: Mapping[str, Any] | None = None) -> Self:
        """Read a recipe by file name, or one of the bundled ones by its bare name; flags win over the file.

        Raises:
            RecipeError: no such file, not TOML, or a setting is wrong.
        """
        path = RECIPES / f"{name}.toml" if str(name) in bundled() else Path(name)
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise RecipeError(
                f"There is no recipe {str(name)!r}; the bundled ones are {', '.join(bundled())}."
            ) from error
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise RecipeError(f"The recipe {path} cannot be read as TOML: {error}.") from error
        given = {key: value for key, value in (flags or {}).items() if value is not None}
        return cls.build(values | given, where=f"the recipe {path.name}" + (" and the flags" if given else ""))

    def to_json(self) -> dict[str, Any]:
        """Plain dict."""
        return asdict(self)

    def to_toml(self) -> str:
        """The settings that differ from the defaults, as a recipe file."""
        lines = []
        for field in fields(self):
            value = getattr(self, field.name)
            if field.default is MISSING or value != field.default:
                lines.append(f"{field.name} = {json.dumps(value)}")
        return "\n".join(lines) + "\n" if lines else ""

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change when any setting does."""
        return hashlib.sha256(json.dumps(self.to_json()).encode()).hexdigest()[:12]

    def _conflicts(self) -> dict[str, bool]:
        row, batch = self.row_tokens, self.batch_tokens
        return {
            "rslora and dora are both on; choose one": self.rslora and self.dora,
            f"batch_tokens is {batch} but row_tokens is {row}, so not even one row fits a step": (
                batch is not None and row is not None and batch < row
            ),
            f"max_tokens is {self.max_tokens} but row_tokens is {row}, so samples could outgrow every post learned": (
                row is not None and self.max_tokens > row
            ),
            "precision is bf16 but device is mps, where bf16 training is not dependable; use fp32": (
                self.precision == "bf16" and self.device == "mps"
            ),
            "targets is empty, so nothing would be trained; leave it out for every linear layer": self.targets == (),
        }


def bundled() -> list[str]:
    """Names of the recipes that come with the program."""
    return sorted(recipe.stem for recipe in RECIPES.glob("*.toml"))
