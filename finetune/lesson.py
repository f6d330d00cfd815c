"""All that a run needs before its first step: rows, split, tokens, packed rows, model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from finetune.base import Base, load_model, load_tokenizer
from finetune.corpus import Corpus, Row, split
from finetune.device import Place
from finetune.errors import CorpusError
from finetune.learner import Learner
from finetune.lora import add_lora, settle
from finetune.recipe import Recipe
from finetune.team import Team
from finetune.tokens import Example, encode, pack, pad_id, prompt_for
from finetune.train import Rows
from generation.prompt import PromptFormat

ROW_TOKENS = 256
FEWEST = 20  # posts; fewer cannot be split


@dataclass(frozen=True)
class Lesson:
    """The prepared run."""

    learner: Learner
    tokenizer: Any
    prompt: PromptFormat
    train: Sequence[Row]
    held_out: Sequence[Row]
    rows: Rows
    held_rows: Rows
    too_long: int  # posts that do not fit a row and are left out
    bytes_held_out: int  # UTF-8, of the held-out posts that are measured


def prepare(corpus: Corpus, base: Base, recipe: Recipe, place: Place, team: Team) -> Lesson:
    """Split, encode, pack, and put LoRA on the base.

    Raises:
        CorpusError: there are too few posts to split.
        RecipeError: a setting does not fit the base.
        BaseUnfit: the base cannot be loaded.
    """
    tokenizer = load_tokenizer(base)
    prompt = prompt_for(tokenizer)
    row_tokens = min(recipe.row_tokens or ROW_TOKENS, base.context)
    train, held_out = split(corpus.rows, recipe.seed, share=recipe.held_out)
    if len(corpus.rows) < FEWEST:
        raise CorpusError(f"The corpus has {len(corpus.rows)} posts; at least {FEWEST} are needed to hold some out.")
    examples = _encoded(train, tokenizer, prompt, recipe.topics, recipe.seed)
    fitting = [example for example in examples if example.length <= row_tokens]
    held = [
        (example, len(row.text.encode()))
        for example, row in zip(_encoded(held_out, tokenizer, prompt, 0.0, recipe.seed), held_out, strict=True)
        if example.length <= row_tokens
    ]
    if not fitting or not held:
        raise CorpusError(f"No post fits a row of {row_tokens} tokens: raise row_tokens or give shorter posts.")
    model = load_model(base)
    size = settle(recipe, sum(parameter.numel() for parameter in model.parameters()))
    model = add_lora(model, recipe, size)
    model.peft_config["default"].base_model_name_or_path = base.name  # the folder it lies in is this machine's affair
    rows_per_step = max(1, size.batch_tokens // row_tokens)
    at_once = min(recipe.rows_at_once or rows_per_step, -(-rows_per_step // team.size))
    pad = pad_id(tokenizer)

    def packed(chosen: Sequence[Example], seed: int) -> Rows:
        found = pack([example.length for example in chosen], row_tokens, seed=seed)
        return Rows(chosen, found, row_tokens, rows_per_step, at_once, pad, seed)

    rows = packed(fitting, recipe.seed)
    total = rows.steps_per_epoch * recipe.epochs
    learner = Learner(model, recipe, size, place, team, min(total, recipe.max_steps or total))
    return Lesson(
        learner,
        tokenizer,
        prompt,
        train,
        held_out,
        rows,
        packed([example for example, _ in held], recipe.seed),
        len(examples) - len(fitting) + len(held_out) - len(held),
        sum(size for _, size in held),
    )


def _encoded(rows: Sequence[Row], tokenizer: Any, prompt: PromptFormat, topics: float, seed: int) -> list[Example]:
    return list(encode([row.text for row in rows], tokenizer, prompt, topics=topics, seed=seed))
