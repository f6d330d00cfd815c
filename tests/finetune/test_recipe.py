"""A recipe is checked before anything heavy is loaded, and says in a sentence what is wrong."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from finetune.errors import RecipeError
from finetune.recipe import Recipe, bundled


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"lerning_rate": 1e-3}, "There is no setting 'lerning_rate' in the recipe: did you mean learning_rate?"),
        ({"rnk": 8}, "did you mean rank?"),
        ({"zzz": 1}, "the settings are base, seed, rank"),
        ({"rank": 0}, "rank is 0, but it should be greater than or equal to 1"),
        ({"schedule": "lin"}, "schedule is 'lin', but it should be 'linear', 'cosine' or 'constant'"),
        ({"held_out": "much"}, "held_out is 'much', but it should be a valid number"),
        ({"rslora": True, "dora": True}, "rslora and dora are both on"),
        ({"batch_tokens": 64, "row_tokens": 128}, "batch_tokens is 64 but row_tokens is 128"),
        ({"max_tokens": 400, "row_tokens": 64}, "max_tokens is 400 but row_tokens is 64"),
        ({"precision": "bf16", "device": "mps"}, "precision is bf16 but device is mps"),
        ({"targets": []}, "targets is empty"),
    ],
)
def test_a_wrong_setting_is_named(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.build(values)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('rank = 4\nepochs = 9\ntargets = ["c_attn"]\n')
    recipe = Recipe.load(path, {"rank": 8, "epochs": None})
    assert (recipe.rank, recipe.epochs, recipe.targets) == (8, 9, ("c_attn",))


def test_a_file_that_is_none_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"the bundled ones are .*default"):
        Recipe.load("nowhere")
    broken = tmp_path / "broken.toml"
    broken.write_text("rank = = 4")
    with pytest.raises(RecipeError, match="cannot be read as TOML"):
        Recipe.load(broken)


@pytest.mark.parametrize("name", bundled())
def test_bundled_recipes_are_sound(name: str) -> None:
    assert Recipe.load(name).epochs >= 1


def test_what_is_written_down_is_read_back(tmp_path: Path) -> None:
    recipe = Recipe.build({"rank": 4, "dropout": 0.1, "targets": ["q_proj", "v_proj"], "dora": True})
    path = tmp_path / "again.toml"
    path.write_text(recipe.to_toml())
    assert Recipe.load(path) == recipe


def test_every_setting_changes_the_fingerprint() -> None:
    """A resumed run must not go on with other settings than it began with."""
    other: dict[str, Any] = {"str": "x", "int": 7, "float": 0.123, "bool": True, "tuple": ("q",)}
    choices = {"schedule": "cosine", "device": "cpu", "precision": "fp32"}
    choices |= dict.fromkeys(("compile", "shortlist", "checkpointing"), "no")
    for field in fields(Recipe):
        kind = str(field.type)
        value = choices.get(field.name) or next(value for name, value in other.items() if f"[{name}" in kind)
        changed: Any = {field.name: value}
        assert Recipe(**changed).fingerprint != Recipe().fingerprint, field.name


def test_a_bad_recipe_is_refused_before_torch_is_loaded(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom finetune.errors import RecipeError\nfrom finetune.recipe import Recipe\n"
        "try:\n    Recipe.build({'rank': -1})\nexcept RecipeError:\n    sys.exit('torch' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
