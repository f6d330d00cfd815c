"""An adapter merged into its base: a plain transformers folder that knows nothing of LoRA."""

import shutil
import warnings
from pathlib import Path
from typing import Any

from finetune.base import load_model, resolve_base
from finetune.corpus.card import ROWS_FILE
from finetune.errors import BaseUnfit, FinetuneError
from finetune.fast import slow_down
from finetune.hub import out_of_reach
from generation.adapter import STALE, Adapter, open_adapter
from generation.prompt import PromptFormat
from moderation.filters.names import AUTHORS

STAYS_HERE = ["echo/*", "samples.jsonl", "report.html", ROWS_FILE, AUTHORS, STALE, "ctranslate2/*"]


def save_merged(model: Any, tokenizer: Any, prompt: PromptFormat, folder: Path) -> None:
    """Write a PEFT model, merged, in float32 with its tokenizer and prompt format. The model is used up by it."""
    slow_down(model)
    merged = model.float().merge_and_unload()  # in float32, or bf16 would round the small changes away
    merged.config.use_cache = True
    merged.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    prompt.save(folder)


def export(adapter_folder: Path, out: Path) -> Path:
    """Merge a finished adapter to a plain transformers folder, whole or not at all.

    Raises:
        AdapterError: the adapter cannot be opened.
        BaseError: its base is not here, or is not the one it was trained on.
        FinetuneError: ``out`` is there already.
    """
    if out.exists():
        raise FinetuneError(f"{out} is there already: name a folder that is not, so that nothing is overwritten.")
    adapter = open_adapter(adapter_folder)
    model, tokenizer = load_adapted(adapter)
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_merged(model, tokenizer, adapter.prompt, partial)
    partial.rename(out)
    return out


def push(adapter_folder: Path, repository: str, *, merged: bool = False, private: bool = True) -> str:
    """Upload an adapter folder, or its merged model, to the Hugging Face Hub; returns its address.

    The echo index, the samples, the report and the hashes of rows and of authors' names stay here: they hold other
    people's words, or can be guessed at.

    Raises:
        AdapterError: the adapter cannot be opened.
        FinetuneError: the Hub is out of reach, or refuses.
    """
    import tempfile

    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    adapter = open_adapter(adapter_folder)
    with tempfile.TemporaryDirectory() as scratch:
        folder = export(adapter_folder, Path(scratch) / "merged") if merged else adapter.folder
        try:
            hub = HfApi()
            address = hub.create_repo(repository, private=private, exist_ok=True)
            hub.upload_folder(
                repo_id=repository,
                folder_path=folder,
                commit_message=f"Upload {adapter.name}",
                ignore_patterns=STAYS_HERE,
            )
        except HFValidationError as error:
            raise FinetuneError(f"{repository!r} is no Hub repository name; it is like you/{adapter.name}.") from error
        except LocalTokenNotFoundError as error:
            raise FinetuneError("The Hugging Face Hub wants a token: run 'hf auth login' first.") from error
        except HfHubHTTPError as error:
            raise FinetuneError(f"The Hugging Face Hub refused: {str(error).splitlines()[0]}") from error
        except out_of_reach() as error:
            raise FinetuneError("The Hugging Face Hub is out of reach; nothing was uploaded.") from error
    return str(address)


def load_adapted(adapter: Adapter) -> tuple[Any, Any]:
    """The base with the adapter on it, and the tokenizer.

    Raises:
        BaseError: the base is not here, or is not the one the adapter was trained on.
    """
    from peft import PeftModel
    from transformers import AutoTokenizer

    base = resolve_base(adapter.card.base)
    if base.hash != adapter.card.base_hash:
        raise BaseUnfit(f"The base {base.name} is not the one that {adapter.name} was trained on: train it again.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT 0.21 asks transformers 5.23 by an old name
        model = PeftModel.from_pretrained(load_model(base), adapter.folder)
    return model, AutoTokenizer.from_pretrained(adapter.folder)
