"""All that a run needs before its first step: rows, split, tokens, packed rows, model."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from finetune.base import Base, load_model, load_tokenizer
from finetune.corpus import Corpus, Row, split
from finetune.device import Place
from finetune.errors import CorpusError
from finetune.learner import Learner
from finetune.lora import add_lora, settle
from finetune.memory import rows_that_fit
from finetune.progress import Progress
from finetune.recipe import Recipe
from finetune.team import Team
from finetune.tokens import pack, pad_id, prompt_for
from finetune.tokenset import TokenSet
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


def prepare(
    corpus: Corpus, base: Base, recipe: Recipe, place: Place, team: Team, work: Path, progress: Progress
) -> Lesson:
    """Split, encode, pack, and put LoRA on the base.

    Raises:
        CorpusError: there are too few posts to split, or all are too long for a row.
        RecipeError: a setting does not fit the base.
        BaseUnfit: the base cannot be loaded.
    """
    if len(corpus.rows) < FEWEST:
        raise CorpusError(f"The corpus has {len(corpus.rows)} posts; at least {FEWEST} are needed to hold some out.")
    tokenizer = load_tokenizer(base)
    prompt = prompt_for(tokenizer)
    row_tokens = min(recipe.row_tokens or ROW_TOKENS, base.context)
    train, held_out = split(corpus.rows, recipe.seed, share=recipe.held_out)
    mark = hashlib.sha256(f"{corpus.sha256} {base.hash} {recipe.fingerprint} {team.rank}".encode()).hexdigest()[:16]

    def encoded(rows: Sequence[Row], topics: float, what: str) -> TokenSet:
        return TokenSet.of(
            rows,
            tokenizer,
            prompt,
            work / "tokens" / f"{what}-{team.rank}",
            topics=topics,
            seed=recipe.seed,
            fingerprint=mark,
            progress=progress,
        )

    examples, held = encoded(train, recipe.topics, "train"), encoded(held_out, 0.0, "held-out")
    fitting, held_fitting = examples.fitting(row_tokens), held.fitting(row_tokens)
    if not len(fitting) or not len(held_fitting):
        raise CorpusError(f"No post fits a row of {row_tokens} tokens: raise row_tokens or give shorter posts.")
    model = load_model(base)
    size = settle(recipe, sum(parameter.numel() for parameter in model.parameters()))
    model = add_lora(model, recipe, size)
    model.peft_config["default"].base_model_name_or_path = base.name  # the folder it lies in is this machine's affair
    rows_per_step = max(1, size.batch_tokens // row_tokens)

    def packed(tokens: TokenSet, places: NDArray[np.intp]) -> list[list[int]]:
        found = pack(tokens.lengths[places], row_tokens, seed=recipe.seed)
        return [[int(places[i]) for i in row] for row in found]

    train_rows, held_rows = packed(examples, fitting), packed(held, held_fitting)
    total = -(-len(train_rows) // rows_per_step) * recipe.epochs
    learner = Learner(model, recipe, size, place, team, min(total, recipe.max_steps or total))
    at_once = _rows_at_once(learner, -(-rows_per_step // team.size), row_tokens, work / f"rows-at-once-{team.rank}")
    learner.shorten(torch.from_numpy(examples.vocabulary()))
    shape = (row_tokens, rows_per_step, at_once, pad_id(tokenizer), recipe.seed)
    return Lesson(
        learner,
        tokenizer,
        prompt,
        train,
        held_out,
        Rows(examples, train_rows, *shape),
        Rows(held, held_rows, *shape),
        len(examples) - len(fitting) + len(held) - len(held_fitting),
        int(held.sizes[held_fitting].sum()),
    )


def _rows_at_once(learner: Learner, most: int, row_tokens: int, note: Path) -> int:
    """Rows in one pass; found once for a run and noted, since another number would change the last bits of the loss."""
    if learner.recipe.rows_at_once:
        return min(most, learner.recipe.rows_at_once)
    try:
        return int(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = rows_that_fit(learner, most, row_tokens)
        note.write_text(str(found), encoding="utf-8")
        return found
