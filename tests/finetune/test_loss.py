"""The sliced loss is the loss, and its gradient the gradient."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from finetune.loss import head_gradient, head_loss
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
    loss, slope = head_gradient(hidden.detach(), weight, labels)
    assert hidden.grad is not None
    assert torch.allclose(head_loss(hidden.detach(), weight, labels), wanted.detach(), rtol=1e-5)
    assert torch.allclose(loss, wanted.detach(), rtol=1e-5)
    assert torch.allclose(slope, hidden.grad, atol=1e-5)


def test_without_labels_there_is_neither_loss_nor_gradient() -> None:
    loss, slope = head_gradient(torch.randn(5, 4), torch.randn(9, 4), torch.full((5,), IGNORED))
    assert loss == 0 and not slope.any()


def test_in_bf16_the_quick_loss_is_close_to_the_exact_one() -> None:
    torch.manual_seed(1)
    hidden, weight = torch.randn(4000, 64).bfloat16(), torch.randn(500, 64).bfloat16() / 4
    labels = torch.randint(500, (4000,))
    exact, quick = head_loss(hidden, weight, labels), head_gradient(hidden, weight, labels)[0]
    assert abs(float(exact - quick)) / 4000 < 2e-3
