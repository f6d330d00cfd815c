"""The pretrained model under an adapter: found, checked, hashed, loaded."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.errors import BaseNotFound, BaseUnfit
from finetune.hub import out_of_reach

BASES = Path(__file__).parent / "bases"
FILES = ["*.json", "*.safetensors", "*.model", "*.txt"]  # what a base needs from the Hub: never pickles or code
_PROBE = "the quick brown fox jumps over a lazy dog"
SHORTEST_CONTEXT = 16  # tokens; as the recipe's row_tokens


@dataclass(frozen=True, slots=True)
class Base:
    """A base that is on this machine and fit to be trained."""

    name: str  # as the person gave it
    folder: Path
    hash: str  # sha256 over config, tokenizer and weights, first 16 digits
    architecture: str  # "gpt2", "llama", … as in config.json
    context: int  # longest text in tokens


def resolve_base(name: str) -> Base:
    """Find a base by bundled name, folder or Hub id, and check that it is a causal language model.

    A Hub id is fetched once into the Hugging Face cache; afterwards no network is needed.

    Raises:
        BaseNotFound: nothing of that name is here, and the Hub does not have it or is out of reach.
        BaseUnfit: it is no causal language model, or its weights are not safetensors.
    """
    folder = BASES / name
    if not name:
        raise BaseNotFound("The base has no name: give nib, a folder, or a Hub id such as gpt2.")
    if name.startswith((".", "/", "~")) or not (folder / "config.json").is_file():
        folder = Path(name).expanduser()
    if not folder.is_dir():
        folder = _from_hub(name)
    config = _config(name, folder)
    context = config.get("max_position_embeddings") or config.get("n_positions") or 1024
    if not isinstance(context, int) or context < SHORTEST_CONTEXT:
        raise BaseUnfit(
            f"The base {name} reads texts of {context!r} tokens, by its config.json; posts need {SHORTEST_CONTEXT}."
        )
    return Base(name, folder, _hash(folder), str(config["model_type"]), context)


def _from_hub(name: str) -> Path:
    """The local copy of a Hub model."""
    known = ", ".join(sorted(path.parent.name for path in BASES.glob("*/config.json")))
    other = f"use --base with a bundled base ({known}) or a folder that holds a downloaded model"
    if name.count("/") > 1 or name.startswith((".", "/", "~")):
        raise BaseNotFound(f"There is no base {name!r}: no such folder; {other}.")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    silence: tuple[type[Exception], ...] = (LocalEntryNotFoundError, *out_of_reach())
    try:
        return Path(snapshot_download(name, allow_patterns=FILES))
    except HFValidationError as error:
        raise BaseNotFound(f"There is no base {name!r}, and it is no Hub id either; {other}.") from error
    except HfHubHTTPError as error:
        raise BaseNotFound(f"The Hugging Face Hub does not give out a model {name!r}; {other}.") from error
    except silence as error:
        message = f"The base {name!r} is not on this machine and the Hugging Face Hub is out of reach; {other}."
        raise BaseNotFound(message) from error


def _config(name: str, folder: Path) -> dict[str, Any]:
    if (folder / "adapter_config.json").is_file():
        raise BaseUnfit(f"{name} is an adapter, not a base: merge it first with 'confess adapters export'.")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        architecture = (config.get("architectures") or ["unknown"])[0]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise BaseNotFound(f"The folder {folder} holds no model: its config.json is missing or broken.") from error
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL

    causal = CAUSAL.get(config.get("model_type")) == architecture and not config.get("is_encoder_decoder")
    if not causal or "bert" in str(config.get("model_type")):
        raise BaseUnfit(
            f"The base {name} is a {architecture}, not a causal language model that writes from left to right: "
            "choose one such as nib, gpt2 or HuggingFaceTB/SmolLM2-135M."
        )
    if not any(folder.glob("*.safetensors")):
        raise BaseUnfit(
            f"The base {name} has no safetensors weights, and older formats can run code: convert it first."
        )
    return dict(config)


def _hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted([folder / "config.json", folder / "tokenizer.json", *folder.glob("*.safetensors")]):
        if path.is_file():
            digest.update(path.name.encode())
            with path.open("rb") as handle:
                while block := handle.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()[:16]


def load_tokenizer(base: Base) -> Any:
    """The base's tokenizer.

    Raises:
        BaseUnfit: it has none, or none that can write text, knows an end of text, and fits the weights.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(base.folder)
        written = tokenizer(_PROBE, add_special_tokens=False)["input_ids"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BaseUnfit(f"The base {base.name} has no usable tokenizer ({_first_sentence(error)}).") from error
    if len(set(written) - {tokenizer.eos_token_id, tokenizer.unk_token_id}) < len(set(_PROBE.split())):
        # For some architectures transformers makes an empty one where the files are missing.
        raise BaseUnfit(f"The base {base.name} has no tokenizer: its folder lacks tokenizer.json, or it is empty.")
    if tokenizer.eos_token_id is None:
        raise BaseUnfit(f"The tokenizer of {base.name} has no end-of-text token, so posts could never end.")
    known = _config(base.name, base.folder).get("vocab_size")
    if isinstance(known, int) and tokenizer.vocab_size > known:
        raise BaseUnfit(
            f"The tokenizer of {base.name} has {tokenizer.vocab_size:,} tokens and its model {known:,}: they do not "
            "belong together."
        )
    return tokenizer


def load_model(base: Base) -> Any:
    """The base's weights in float32, ready to run, nothing trainable.

    Raises:
        BaseUnfit: the weights are damaged or do not fit the config, or posts cannot be packed for that architecture.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # the caller's progress shows what is going on
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # what does not fit is said below, in a sentence
    try:
        model, told = AutoModelForCausalLM.from_pretrained(
            base.folder,
            dtype=torch.float32,
            attn_implementation="sdpa",
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise BaseUnfit(f"The weights of {base.name} cannot be loaded ({_first_sentence(error)}).") from error
    finally:
        logging.set_verbosity(verbosity)
    if wrong := [*told["missing_keys"], *(str(each[0]) for each in told["mismatched_keys"])]:
        raise BaseUnfit(
            f"The weights of {base.name} do not belong to its config.json: {len(wrong)} tensors are missing or of "
            f"another shape, such as {min(wrong)}."
        )
    model.requires_grad_(False)
    model.config.use_cache = False
    return model.eval()


def _first_sentence(error: Exception) -> str:
    return re.split(r"(?<=[.!?])\s|\n", str(error).strip() or type(error).__name__, maxsplit=1)[0].rstrip(".")[:200]
