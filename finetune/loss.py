"""Cross-entropy over a large vocabulary without holding the logits of the whole batch.

The logits of GPT-2's 50,257 tokens take 200 kB a token in float32, more than everything else together. Here they exist
for a slice of the tokens at a time, and the gradient is worked out in the same pass while the slice is at hand, as in
Liger Kernel (Hsu et al. 2024, arXiv:2410.10989). The output layer is frozen, so only its input needs a gradient.

A corpus of posts uses a part of those tokens, and the output layer is a third of GPT-2's work. A :class:`Shortlist`
keeps the rows of the tokens in use and stands a sample in for the others.
"""

import math

import torch
from torch import Tensor

from finetune.tokens import IGNORED

SLICE = 512  # tokens at a time; 256 and 1024 took a tenth longer on a CPU
SAMPLED = 4096  # tokens that stand for all those the corpus never uses


def head_loss(hidden: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    """Sum of the natural-log losses of the labels that count, in float32.

    Args:
        hidden: the last hidden states, (tokens, width), without a graph.
        weight: the frozen output layer, (vocabulary, width), in the format its products shall run in.
        labels: the next token at each place, or :data:`finetune.tokens.IGNORED`, (tokens,).
    """
    total = hidden.new_zeros((), dtype=torch.float32)
    places = (labels != IGNORED).nonzero()[:, 0]
    for place in places.split(SLICE):
        logits = (hidden[place].to(weight.dtype) @ weight.T).float()
        total += (logits.logsumexp(-1) - logits.gather(-1, labels[place, None])[:, 0]).sum()
    return total


def head_gradient(
    hidden: Tensor, weight: Tensor, labels: Tensor, *, sampled: int = 0, stand_for: float = 1.0
) -> tuple[Tensor, Tensor]:
    """:func:`head_loss` and its gradient with respect to ``hidden``, which has the shape and format of ``hidden``.

    Each of the last ``sampled`` tokens counts as many times as it stands for.

    In bf16 this loss is good to about 0.002 nats for a single token and far better in the mean: it is read off the
    label's probability, which saves two passes over the logits. The gradient does not depend on it.
    """
    total, slope = hidden.new_zeros((), dtype=torch.float32), torch.zeros_like(hidden)
    places = (labels != IGNORED).nonzero()[:, 0]
    for place in places.split(SLICE):
        logits = hidden[place].to(weight.dtype) @ weight.T
        if sampled:
            logits[:, -sampled:] += math.log(stand_for)
        probabilities = logits.softmax(-1)
        at_label = torch.arange(len(place), device=place.device), labels[place]
        wanted = probabilities[at_label]
        total -= wanted.float().clamp(min=torch.finfo(torch.float32).tiny).log().sum()
        probabilities[at_label] = wanted - 1  # scatter_add_ took a tenth of the layer's time for these few
        slope[place] = (probabilities @ weight).to(hidden.dtype)
    return total, slope


class Shortlist:
    """A smaller output layer for training: the tokens that a corpus uses, and a fresh sample of the others each step.

    A token in use counts as itself, a sampled one for as many as it stands for, so that the partition function is
    right on average whatever is drawn (importance sampling: Bengio & Senécal 2008, doi:10.1109/TNN.2007.912312; a
    corpus's own list beside it: Jean et al. 2015, arXiv:1412.2007). Held-out losses never use it.
    """

    def __init__(self, weight: Tensor, used: Tensor, seed: int) -> None:
        """Take the rows of the tokens in use.

        Args:
            weight: the frozen output layer, (vocabulary, width).
            used: every token that is ever a label, each once.
            seed: of the samples.
        """
        used = used.to(weight.device)
        self._whole, self._seed = weight, seed
        unused = torch.ones(len(weight), dtype=torch.bool, device=weight.device)
        unused[used] = False
        self._others = unused.nonzero()[:, 0]
        self._column = torch.full((len(weight),), IGNORED, device=weight.device)
        self._column[used] = torch.arange(len(used), device=weight.device)
        self.sampled = min(SAMPLED, len(self._others))
        self.stand_for = len(self._others) / max(1, self.sampled)
        self.weight = torch.cat([weight[used], weight.new_empty(self.sampled, weight.shape[1])])
        self.draw(0)

    @staticmethod
    def pays(used: int, vocabulary: int) -> bool:
        """Whether it at least halves the output layer."""
        return 2 * (used + SAMPLED) <= vocabulary

    def draw(self, step: int) -> None:
        """Choose the sample of a step, the same one whenever it is that step's turn."""
        generator = torch.Generator().manual_seed((self._seed * 1_000_003 + step) % 2**63)
        order = torch.randperm(len(self._others), generator=generator)[: self.sampled]
        self.weight[len(self.weight) - self.sampled :] = self._whole[self._others[order.to(self._others.device)]]

    def gradient(self, hidden: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """:func:`head_gradient` with this output layer; the loss is an estimate."""
        return head_gradient(hidden, self.weight, self.columns(labels), sampled=self.sampled, stand_for=self.stand_for)

    def columns(self, labels: Tensor) -> Tensor:
        """Labels as places in ``weight``; those to be ignored stay so."""
        return torch.where(labels == IGNORED, IGNORED, self._column[labels.clamp(min=0)])
