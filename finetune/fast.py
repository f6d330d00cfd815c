"""The same model, faster: LoRA layers as four matrix products, and attention inside each post only.

Three things cost a packed LoRA step its time beside the base's own products: PEFT's separate passes over each layer's
output, attention that computes a whole row and masks most of it away, and activations in many small steps. Here a LoRA
layer adds its low-rank product in place and works out its own gradient (the frozen weight needs none), attention runs
on batches of posts of like length, and GPT-2's activation is PyTorch's own. Numbers: docs/finetuning.md.

PEFT's modules, names and file format stay as they are; only their ``forward`` is bound anew.
"""

import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

GROUPS = 4  # batches of posts of like length; more means less padding but smaller products
ATTENTION = "confessional_packed"  # name under which transformers knows the attention below
# Architectures whose attention is plain: no soft caps, sinks or biases that the products below would leave out.
PLAIN_ATTENTION = frozenset({"gpt2", "llama", "mistral", "qwen2", "qwen3", "smollm3"})


class _LoraProduct(torch.autograd.Function):  # type: ignore[misc]  # torch is untyped to mypy here
    """``x W + bias + scale · x Aᵀ Bᵀ`` with gradients for x, A and B only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float) -> Tensor:
        """x (tokens, in), weight (in, out), a (rank, in), b (out, rank)."""
        a_low, b_low = a.to(x.dtype), (b * scale).to(x.dtype)
        low = x @ a_low.T
        y = x @ weight if bias is None else torch.addmm(bias, x, weight)
        y.addmm_(low, b_low.T)
        ctx.save_for_backward(x, low, weight, a_low, b_low)
        ctx.scale, ctx.format = scale, a.dtype
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, None, None, Tensor, Tensor, None]:
        """Gradients in the order of the inputs."""
        x, low, weight, a_low, b_low = ctx.saved_tensors
        d_low = dy @ b_low
        da = (d_low.T @ x).to(ctx.format)
        db = (dy.T @ low).to(ctx.format).mul_(ctx.scale)
        dx = None
        if ctx.needs_input_grad[0]:
            dx = dy @ weight.T
            dx.addmm_(d_low, a_low)
        return dx, None, None, da, db, None


def speed_up(model: Any, *, attention: bool = True) -> bool:
    """Bind the fast forwards to a PEFT model whose base is frozen; returns whether every LoRA layer took one.

    Layers with dropout or DoRA keep PEFT's own. ``attention`` off leaves that part to transformers: its shapes do not
    change from batch to batch, which ``torch.compile`` needs.
    """
    from peft.tuners.lora.layer import Linear as LoraLinear
    from transformers.activations import NewGELUActivation

    every = True
    for module in model.modules():
        if isinstance(module, LoraLinear):
            if _is_plain(module):
                module.forward = types.MethodType(_lora_forward, module)
            else:
                every = False
        for name, child in list(module.named_children()):
            if isinstance(child, NewGELUActivation):
                setattr(module, name, torch.nn.GELU(approximate="tanh"))  # the same function in one kernel
    if attention and model.config.model_type in PLAIN_ATTENTION:
        _register_attention()
        model.get_base_model().set_attn_implementation(ATTENTION)
    return every


def slow_down(model: Any) -> None:
    """Undo what must not be saved: the name of our attention."""
    model.get_base_model().set_attn_implementation("sdpa")


def _is_plain(layer: Any) -> bool:
    plain = list(layer.lora_A) == ["default"] and not layer.use_dora.get("default")
    return plain and isinstance(layer.lora_dropout["default"], torch.nn.Identity)


def _lora_forward(layer: Any, x: Tensor, *_args: Any, **_kwargs: Any) -> Tensor:
    base = layer.base_layer
    weight = base.weight.T if isinstance(base, torch.nn.Linear) else base.weight  # Conv1D holds (in, out)
    y: Tensor = _LoraProduct.apply(
        x.reshape(-1, x.shape[-1]).to(weight.dtype),
        weight,
        base.bias,
        layer.lora_A["default"].weight,
        layer.lora_B["default"].weight,
        layer.scaling["default"],
    )
    return y.view(*x.shape[:-1], -1)


@dataclass(frozen=True, slots=True)
class Group:
    """Posts of like length, side by side and padded to the longest."""

    posts: int
    longest: int
    take: Tensor  # (posts * longest,) token of the flat batch at each place; padding repeats a post's last token
    put: Tensor  # places that hold a real token
    tokens: Tensor  # the token at each of those


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the posts of one batch lie."""

    groups: Sequence[Group]
    mask: Tensor  # (longest, longest) 0 where a token may look, -inf where not

    @classmethod
    def of(cls, position_ids: Tensor, dtype: torch.dtype) -> "Plan":
        """Read the posts off position ids (rows, row_tokens) that restart at each post and each row."""
        flat = position_ids.flatten()
        starts = (flat == 0).nonzero()[:, 0]
        lengths = torch.diff(starts, append=starts.new_tensor([len(flat)]))
        order = lengths.argsort()
        groups = []
        for chosen in order.tensor_split(min(GROUPS, len(order))):
            longest = int(lengths[chosen].max())
            within = torch.arange(longest, device=flat.device)
            real = within < lengths[chosen, None]
            take = starts[chosen, None] + torch.minimum(within, lengths[chosen, None] - 1)
            groups.append(Group(len(chosen), longest, take.flatten(), real.flatten().nonzero()[:, 0], take[real]))
        longest = max(group.longest for group in groups)
        mask = torch.full((longest, longest), float("-inf"), dtype=dtype, device=flat.device).triu(1)
        return cls(groups, mask)


class _Current:
    """The plan in force. Not a context variable: autograd recomputes checkpointed blocks in threads of its own."""

    plan: Plan | None = None


@contextmanager
def packed(plan: Plan | None) -> Iterator[None]:
    """While the block runs, attention follows ``plan``; backward passes belong inside, too. One model at a time."""
    before, _Current.plan = _Current.plan, plan
    try:
        yield
    finally:
        _Current.plan = before


class _PostAttention(torch.autograd.Function):  # type: ignore[misc]
    """Causal attention inside each post; q, k, v and the result are (tokens, heads, size)."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, scale: float, plan: Plan) -> Tensor:
        """The scores of a group are (posts * heads, longest, longest), a few megabytes."""
        out, saved = torch.empty_like(q, memory_format=torch.contiguous_format), []
        for group in plan.groups:
            gq, gk, gv = (_gather(x, group) for x in (q, k, v))
            mask = plan.mask[: group.longest, : group.longest]
            weights = torch.baddbmm(mask, gq, gk.mT, alpha=scale).softmax(-1)
            _scatter(torch.bmm(weights, gv), group, out)
            saved += [gq, gk, gv, weights]
        ctx.save_for_backward(*saved)
        ctx.scale, ctx.plan = scale, plan
        return out

    @staticmethod
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """By hand, as PyTorch's own for short bf16 sequences on a CPU takes three times as long."""
        dq, dk, dv = (torch.empty_like(d_out, memory_format=torch.contiguous_format) for _ in range(3))
        saved = ctx.saved_tensors  # once: recomputed activations may be unpacked a single time
        for index, group in enumerate(ctx.plan.groups):
            gq, gk, gv, weights = saved[4 * index : 4 * index + 4]
            # Padding repeats a real token, whose gradient must not count twice.
            g_out = _gather(d_out, group, only_real=True)
            _scatter(torch.bmm(weights.mT, g_out), group, dv)
            d_weights = torch.bmm(g_out, gv.mT)
            d_scores = torch._softmax_backward_data(d_weights, weights, -1, weights.dtype).mul_(ctx.scale)
            _scatter(torch.bmm(d_scores, gk), group, dq)
            _scatter(torch.bmm(d_scores.mT, gq), group, dk)
        return dq, dk, dv, None, None


def _gather(x: Tensor, group: Group, *, only_real: bool = False) -> Tensor:
    """(tokens, heads, size) → (posts * heads, longest, size)."""
    _, heads, size = x.shape
    if only_real:
        found = x.new_zeros(group.posts * group.longest, heads, size)
        found.index_copy_(0, group.put, x.index_select(0, group.tokens))
    else:
        found = x.index_select(0, group.take)
    return found.view(group.posts, group.longest, heads, size).transpose(1, 2).reshape(-1, group.longest, size)


def _scatter(x: Tensor, group: Group, out: Tensor) -> None:
    """Put (posts * heads, longest, size) back into (tokens, heads, size)."""
    _, heads, size = out.shape
    flat = x.view(group.posts, heads, group.longest, size).transpose(1, 2).reshape(-1, heads, size)
    out.index_copy_(0, group.tokens, flat.index_select(0, group.put))


def _attention(module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **options: Any) -> Any:
    """transformers' attention interface: query (rows, heads, tokens, size); keys and values may have fewer heads."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    plan = _Current.plan
    if plan is None:
        return sdpa_attention_forward(module, query, key, value, mask, **options)
    rows, heads, tokens, size = query.shape
    scale = options.get("scaling") or size**-0.5
    repeats = heads // key.shape[1]
    if repeats > 1:
        key, value = (x.repeat_interleave(repeats, 1) for x in (key, value))
    flat = [x.transpose(1, 2).reshape(rows * tokens, heads, size) for x in (query, key, value)]
    out: Tensor = _PostAttention.apply(*flat, scale, plan)
    return out.view(rows, tokens, heads, size), None


def _mask(*args: Any, **kwargs: Any) -> Tensor | None:
    """No mask where a plan says it all."""
    from transformers.masking_utils import sdpa_mask

    return None if _Current.plan is not None else sdpa_mask(*args, **kwargs)


def _register_attention() -> None:
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(ATTENTION, _attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(ATTENTION, _mask)
