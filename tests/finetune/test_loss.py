"""The sliced loss is the loss, and its gradient the gradient."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from finetune.loss import Shortlist, head_gradient, head_loss
from finetune.tokens import IGNORED


@pytest.mark.parametrize("tokens", [1, 511, 512, 1400])
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


def test_a_shortlist_of_everything_is_the_whole_layer() -> None:
    torch.manual_seed(1)
    hidden, weight, labels = torch.randn(300, 24), torch.randn(101, 24), torch.randint(40, (300,))
    labels[:5] = IGNORED
    short = Shortlist(weight, torch.arange(40), seed=1)  # the other 61 are fewer than the sample
    loss, slope = short.gradient(hidden, labels)
    whole_loss, whole_slope = head_gradient(hidden, weight, labels)
    assert torch.allclose(loss, whole_loss, rtol=1e-5) and torch.allclose(slope, whole_slope, atol=1e-5)


def test_a_sample_stands_for_the_rest_on_average(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finetune.loss.SAMPLED", 50)
    torch.manual_seed(1)
    hidden, weight, labels = torch.randn(40, 16), torch.randn(1000, 16) / 4, torch.randint(100, (40,))
    short = Shortlist(weight, torch.arange(100), seed=7)
    whole_loss, whole_slope = head_gradient(hidden, weight, labels)
    slopes, losses = [], []
    for step in range(400):
        short.draw(step)
        loss, slope = short.gradient(hidden, labels)
        slopes.append(slope)
        losses.append(float(loss))
    mean = torch.stack(slopes).mean(0)
    alone = head_gradient(hidden, weight[:100], labels)[1]  # the rest forgotten
    assert (mean - whole_slope).norm() < 0.05 * whole_slope.norm() < 0.5 * (alone - whole_slope).norm()
    assert sum(losses) / 400 == pytest.approx(float(whole_loss), rel=0.01)


def test_a_step_draws_the_same_sample_again() -> None:
    weight = torch.randn(6000, 4)
    one, other = (Shortlist(weight, torch.arange(10, 700), seed=3) for _ in range(2))
    for step in (0, 5, 2):
        one.draw(step)
    other.draw(2)
    assert torch.equal(one.weight, other.weight)
    other.draw(3)
    assert not torch.equal(one.weight, other.weight) and torch.equal(one.weight[:690], other.weight[:690])
