"""Cross-entropy over a large vocabulary without holding the logits of the whole batch.

The logits of GPT-2's 50,257 tokens take 200 kB a token in float32, more than everything else together. Here they exist
for a slice of the tokens at a time, and the gradient is worked out in the same pass while the slice is at hand, as in
Liger Kernel (Hsu et al. 2024, arXiv:2410.10989). The output layer is frozen, so only its input needs a gradient.
"""

import torch
from torch import Tensor

from finetune.tokens import IGNORED

SLICE = 256  # tokens at a time


def head_loss(hidden: Tensor, weight: Tensor, labels: Tensor, *, gradient: bool) -> tuple[Tensor, Tensor | None]:
    """Sum of the natural-log losses of the labels that count, and its gradient with respect to ``hidden``.

    Args:
        hidden: the last hidden states, (tokens, width), without a graph.
        weight: the frozen output layer, (vocabulary, width), in the format the products shall run in.
        labels: the next token at each place, or :data:`finetune.tokens.IGNORED`, (tokens,).
        gradient: whether the second value is wanted; it has the shape and format of ``hidden``.
    """
    total = hidden.new_zeros((), dtype=torch.float32)
    slope = torch.empty_like(hidden) if gradient else None
    for start in range(0, len(labels), SLICE):
        part = slice(start, start + SLICE)
        loss, found = _slice_loss(hidden[part].to(weight.dtype), weight, labels[part], gradient)
        total += loss
        if slope is not None and found is not None:
            slope[part] = found
    return total, slope


def _slice_loss(hidden: Tensor, weight: Tensor, labels: Tensor, gradient: bool) -> tuple[Tensor, Tensor | None]:
    logits = (hidden @ weight.T).float()
    log_z = logits.logsumexp(-1, keepdim=True)
    wanted = labels.clamp(min=0)[:, None]
    counted = (labels != IGNORED)[:, None]
    loss = ((log_z - logits.gather(-1, wanted)) * counted).sum()
    if not gradient:
        return loss, None
    probabilities = (logits - log_z).exp_()
    probabilities.scatter_add_(-1, wanted, torch.full_like(log_z, -1.0))
    return loss, (probabilities * counted).to(weight.dtype) @ weight
