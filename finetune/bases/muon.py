"""Muon: momentum whose updates are made orthogonal, for the matrices inside a network's blocks.

Source: K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024,
https://kellerjordan.github.io/posts/muon/. torch has one of its own since 2.9; this one also splits GPT-2's joined
query, key and value weights, and treats matrices of one shape in one batch.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


class Muon(torch.optim.Optimizer):  # type: ignore[misc]  # torch is untyped here
    """One group of 2-D weights stored as (in, out), as GPT-2's Conv1D does."""

    def __init__(
        self,
        params: Sequence[nn.Parameter],
        splits: Sequence[int],
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.02,
    ) -> None:
        """Keep a momentum buffer for each weight.

        Args:
            params: the weights.
            splits: how many matrices stand side by side in each weight's columns (queries, keys, values: 3);
                orthogonalising them as one would tie them together.
            lr: largest change of a weight's singular values in one step.
            momentum: share of the old buffer that is kept.
            weight_decay: share of a weight, times ``lr``, that each step takes away.
        """
        super().__init__(params, {"lr": lr})
        self.splits, self.momentum, self.weight_decay = splits, momentum, weight_decay
        for param in params:
            self.state[param]["momentum"] = torch.zeros_like(param)

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self, closure: Any = None) -> None:
        """Move every weight one step. All take part in every step: a weight without a gradient is an error."""
        lr = self.param_groups[0]["lr"]
        by_shape: dict[Any, list[tuple[Tensor, Tensor]]] = {}
        for param, split in zip(self.param_groups[0]["params"], self.splits, strict=True):
            buffer = self.state[param]["momentum"]
            buffer.lerp_(param.grad, 1 - self.momentum)
            update = param.grad.lerp(buffer, self.momentum)  # Nesterov
            for target, part in zip(param.chunk(split, 1), update.chunk(split, 1), strict=True):
                by_shape.setdefault(part.shape, []).append((target, part))
        for shape, pairs in by_shape.items():
            scale = max(1.0, shape[1] / shape[0]) ** 0.5  # weights with many outputs take larger steps
            updates = orthogonalise(torch.stack([part for _, part in pairs]))
            for (target, _), update in zip(pairs, updates, strict=True):
                target.mul_(1 - lr * self.weight_decay).add_(update, alpha=-lr * scale)


def orthogonalise(matrices: Tensor) -> Tensor:
    """The nearest semi-orthogonal matrices to a stack (n, rows, cols), roughly: singular values end up in 0.7 to 1.2.

    Five Newton-Schulz steps in bfloat16 with the quintic's coefficients from the source above.
    """
    x = matrices.bfloat16()
    tall = x.size(1) > x.size(2)
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.775 * gram + 2.0315 * gram @ gram) @ x
    return (x.mT if tall else x).float()
