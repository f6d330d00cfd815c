"""The fast forwards are the slow ones: the same loss and the same gradients, on both kinds of layer."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from finetune import memory
from finetune.base import load_model, resolve_base
from finetune.device import Place
from finetune.fast import ATTENTION, Plan
from finetune.learner import Learner
from finetune.lora import Size, add_lora
from finetune.loss import Shortlist
from finetune.recipe import Recipe
from finetune.team import Team
from finetune.tokens import Batch, collate, pack, pad_id
from tests.finetune.making import examples_of

SIZE = Size(rank=4, alpha=8, learning_rate=1e-3, batch_tokens=256)


@pytest.fixture
def batch(tokenizer: Any, posts: list[str]) -> Batch:
    examples = examples_of(posts[:20], tokenizer, topics=0.5)
    rows = pack([example.length for example in examples], 128, seed=1)
    return collate([[examples[i] for i in row] for row in rows], 128, pad_id(tokenizer))


@pytest.mark.parametrize("base", ["tiny_gpt2", "tiny_llama"])
def test_loss_and_gradients_are_those_of_peft_and_transformers(
    base: str, request: pytest.FixtureRequest, batch: Batch
) -> None:
    fast, wanted = _learner(request.getfixturevalue(base)), _learner(request.getfixturevalue(base))
    assert fast.model.get_base_model().config._attn_implementation == ATTENTION
    model = wanted.model
    for module in model.modules():
        module.__dict__.pop("forward", None)  # PEFT's own again
    model.get_base_model().set_attn_implementation("eager")
    logits = model(input_ids=batch.input_ids, position_ids=batch.position_ids, use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), batch.labels.flatten(), ignore_index=-100, reduction="sum"
    )
    loss.backward()
    assert torch.allclose(fast._loss(batch, learn=True), loss.detach(), rtol=1e-5)
    nats, labels = fast.measure([batch])
    assert nats == pytest.approx(float(loss.detach()), rel=1e-5) and labels == int((batch.labels != -100).sum())
    for name, weight in wanted.weights.items():
        ours = fast.weights[name].grad
        assert ours is not None and weight.grad is not None
        assert torch.allclose(ours, weight.grad, atol=2e-4, rtol=1e-3), name
        assert weight.grad.abs().max() > 0


def test_fewer_key_heads_than_query_heads(tokenizer: Any, batch: Batch, tmp_path: Path) -> None:
    """Grouped-query attention (Ainslie et al. 2023), as in most newer bases."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    shape = LlamaConfig(
        vocab_size=8192,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    LlamaForCausalLM(shape).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    learner = _learner(tmp_path)
    ours = learner._loss(batch, learn=True)
    gradients = {name: weight.grad.clone() for name, weight in learner.weights.items() if weight.grad is not None}
    learner.optimiser.zero_grad()
    learner.model.get_base_model().set_attn_implementation("eager")
    assert torch.allclose(learner._loss(batch, learn=True), ours, rtol=1e-5)
    assert all(torch.allclose(learner.weights[name].grad, g, atol=2e-4, rtol=1e-3) for name, g in gradients.items())


def test_bf16_stays_close_to_float32(tiny_gpt2: Path, batch: Batch) -> None:
    exact, low = _learner(tiny_gpt2), _learner(tiny_gpt2, bf16=True)
    labels = int((batch.labels != -100).sum())
    assert float(low._loss(batch, learn=True)) / labels == pytest.approx(
        float(exact._loss(batch, learn=True)) / labels, abs=0.01
    )
    ours = torch.cat([weight.grad.flatten() for weight in low.weights.values() if weight.grad is not None])
    theirs = torch.cat([weight.grad.flatten() for weight in exact.weights.values() if weight.grad is not None])
    assert torch.nn.functional.cosine_similarity(ours, theirs, dim=0) > 0.99


@pytest.mark.parametrize("options", [{"dora": True}, {"dropout": 0.1}])
def test_dora_and_dropout_keep_pefts_own_layers_and_learn(
    tiny_gpt2: Path, batch: Batch, options: dict[str, Any]
) -> None:
    learner = _learner(tiny_gpt2, bf16=True, **options)
    losses = [learner.step([batch]) for _ in range(6)]
    assert losses[-1] < losses[0]


def test_recomputed_activations_give_the_same_gradients(tiny_gpt2: Path, batch: Batch) -> None:
    kept, recomputed = _learner(tiny_gpt2), _learner(tiny_gpt2, checkpointing="yes")
    calls = []
    block = recomputed.model.get_base_model().transformer.h[0]
    block.mlp.register_forward_pre_hook(lambda *_: calls.append(1))
    assert torch.equal(recomputed._loss(batch, learn=True), kept._loss(batch, learn=True))
    assert len(calls) == 2  # forward, and again on the way back
    for name, weight in kept.weights.items():
        assert torch.allclose(recomputed.weights[name].grad, weight.grad), name


def test_a_pass_takes_no_more_rows_than_memory_has(tiny_gpt2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = _learner(tiny_gpt2)
    assert memory.rows_that_fit(learner, 8, 128) == 8
    one_row = 128 * 2 * 32 * memory.FORMATS_KEPT * 4  # tokens, layers, width, formats, bytes
    for rows in (0, 1, 5):
        monkeypatch.setattr(memory, "free_memory", lambda rows=rows: int((rows + 0.5) * one_row / memory.SHARE))
        assert memory.rows_that_fit(learner, 8, 128) == max(1, rows)


def test_a_plan_covers_each_token_once(batch: Batch) -> None:
    plan = Plan.of(batch.position_ids, torch.float32)
    tokens = torch.cat([group.tokens for group in plan.groups])
    assert sorted(tokens.tolist()) == list(range(batch.input_ids.numel()))


def _learner(folder: Path, *, bf16: bool = False, **options: Any) -> Learner:
    recipe = Recipe.build({"seed": 3, "warmup": 0.0, **options})
    model = add_lora(load_model(resolve_base(str(folder))), recipe, SIZE)
    torch.manual_seed(5)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # zero at first, so that A would have no gradient to compare
            parameter.data.normal_(0, 0.02)
    return Learner(model, recipe, SIZE, Place(torch.device("cpu"), bf16), Team(), total_steps=10)


def test_a_shortened_output_layer_learns_and_resumes_alike(
    tiny_gpt2: Path, batch: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finetune.loss.SAMPLED", 32)
    used = batch.labels[batch.labels >= 0].unique()
    whole, first, second = (_learner(tiny_gpt2, shortlist=choice) for choice in ("no", "yes", "yes"))
    assert not whole.shorten(used) and first.shorten(used) and second.shorten(used)
    losses = [first.step([batch]) for _ in range(4)]
    assert losses[0] == pytest.approx(whole.step([batch]), rel=0.03)  # an estimate of the same loss
    assert losses[-1] < losses[0]
    third = _learner(tiny_gpt2, shortlist="yes")
    third.shorten(used)
    assert [second.step([batch]), second.step([batch])] == losses[:2]
    second.save(tmp_path / "state.safetensors", {})
    third.load(tmp_path / "state.safetensors")
    assert [third.step([batch]), third.step([batch])] == losses[2:]


def test_auto_shortens_only_where_it_halves_the_layer(tiny_gpt2: Path) -> None:
    assert not _learner(tiny_gpt2).shorten(torch.arange(5))
    assert Shortlist.pays(15_000, 50_257) and not Shortlist.pays(25_000, 50_257)


FAULTS = """
import resource, sys
import torch
from finetune.device import keep_freed_memory
if not keep_freed_memory():
    sys.exit("not glibc")
def step():
    kept = [torch.full((2**22,), 1.0) for _ in range(8)]
for _ in range(5):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_what_a_step_frees_serves_the_next() -> None:
    """128 MB freed and asked for ten times over are 327,680 pages, were they lent anew each time."""
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=False)
    if "not glibc" in done.stderr:
        pytest.skip("another C library, whose memory we leave alone")
    assert int(done.stdout) < 3000
