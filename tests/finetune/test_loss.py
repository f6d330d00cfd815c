"""The sliced loss is the loss, and its gradient the gradient."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from finetune.loss import head_loss
from finetune.tokens import IGNORED


@pytest.mark.parametrize("tokens", [1, 255, 256, 700])
def test_it_equals_cross_entropy_and_its_gradient(tokens: int) -> None:
    torch.manual_seed(tokens)
    hidden = torch.randn(tokens, 24, requires_grad=True)
    weight = torch.randn(101, 24)
    labels = torch.randint(101, (tokens,))
    labels[torch.rand(tokens) < 0.3] = IGNORED
    wanted = cross_entropy(hidden @ weight.T, labels, ignore_index=IGNORED, reduction="sum")
    wanted.backward()
    loss, slope = head_loss(hidden.detach(), weight, labels, gradient=True)
    assert slope is not None and hidden.grad is not None
    assert torch.allclose(loss, wanted.detach(), rtol=1e-5)
    assert torch.allclose(slope, hidden.grad, atol=1e-5)


def test_without_labels_there_is_neither_loss_nor_gradient() -> None:
    loss, slope = head_loss(torch.randn(5, 4), torch.randn(9, 4), torch.full((5,), IGNORED), gradient=True)
    assert loss == 0 and slope is not None and not slope.any()


def test_measuring_asks_for_no_gradient() -> None:
    assert head_loss(torch.randn(5, 4), torch.randn(9, 4), torch.arange(5), gradient=False)[1] is None
