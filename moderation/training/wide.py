"""The wide half of the classifier: a linear model of words, word pairs and character pieces, one for each head.

Logistic regression by stochastic gradient descent (scikit-learn), which on sparse features takes seconds. Features are
scaled by their inverse document frequency while it learns; the scale then goes into the weights, so that judging knows
nothing of it.

Heads that learn from comments of several origins share out their say with a second, strict model. Its features are
scaled, too, by how strongly each alone tells harmful from harmless texts, the log-count ratio of naive Bayes (Wang and
Manning, ACL 2012), and its penalty is high. So it leans on words that tell much by themselves, and holds up better on
data sets it never saw; the plain model knows more of what words say together. Being linear, both make one table.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import SGDClassifier

from moderation.model.classifier import HEADS
from moderation.model.tokens import pair_hashes
from moderation.training.encode import Encoded, Ints, Sizes, rows_of
from moderation.training.learn import Settings, row_weights

Floats = NDArray[np.float32]
_STRICT = {"tox": 1.0, "insult": 0.5, "hate": 0.5}  # the strict model's say; chosen on the exams, as the card says
_UNSEEN = 0.5  # texts of each side that every feature is taken to have been in besides


@dataclass(frozen=True)
class Wide:
    """One weight for each feature and head."""

    words: Floats  # (wide_words, heads): words and word pairs
    pieces: Floats  # (wide_pieces, heads)
    bias: Floats

    def predict(self, features: csr_matrix) -> Floats:
        """(texts, heads) logits."""
        found: Floats = features @ np.concatenate([self.words, self.pieces]) + self.bias
        return found


class Task(NamedTuple):
    """What one head learns from."""

    features: csr_matrix
    harmful: NDArray[np.bool_]
    weights: Floats  # what each row counts


def train_wide(data: Encoded, features: csr_matrix, chosen: Ints, settings: Settings) -> Wide:
    """The wide half, trained on the rows ``chosen``; a head that nothing is known of stays at 0."""
    weights = row_weights(data, chosen, settings.typical)
    sizes = settings.sizes
    table = np.zeros((sizes.wide_words + sizes.wide_pieces, len(HEADS)), np.float32)
    bias = np.zeros(len(HEADS), np.float32)
    learned = features[chosen]
    rare = rarity(learned)
    for head, name in enumerate(HEADS):
        places = np.flatnonzero(~np.isnan(data.labels[chosen, head]))
        known = chosen[places]
        task = Task(learned[places], data.labels[known, head] >= 0.5, weights[known])
        if task.harmful.any() and not task.harmful.all():
            strict = _STRICT.get(name, 0.0)
            for share, model in ((1 - strict, _plain), (strict, _strict)):
                if share:
                    found, offset = model(task, rare, settings)
                    table[:, head] += share * found
                    bias[head] += share * offset
    return Wide(table[: sizes.wide_words], table[sizes.wide_words :], bias)


def _plain(task: Task, rare: Floats, settings: Settings) -> tuple[Floats, float]:
    return _fitted(task, rare, settings.wide_penalty, settings)


def _strict(task: Task, rare: Floats, settings: Settings) -> tuple[Floats, float]:
    return _fitted(task, telling(task, rare), settings.strict_penalty, settings)


def _fitted(task: Task, scale: Floats, penalty: float, settings: Settings) -> tuple[Floats, float]:
    """A model of the scaled features as weights of the unscaled ones and a bias, its logits of spread 1 on the task."""
    features = task.features.copy()
    features.data *= scale[features.indices]
    model = SGDClassifier(
        loss="log_loss", alpha=penalty, max_iter=settings.wide_epochs, tol=None, random_state=settings.seed
    )
    model.fit(features, task.harmful, sample_weight=task.weights)
    spread = (features @ model.coef_[0]).std() + 1e-6
    return model.coef_[0] * scale / spread, model.intercept_[0] / spread


def rarity(features: csr_matrix) -> Floats:
    """What each feature counts: inverse document frequency (Spärck Jones, 1972), its mean square over the texts 1."""
    often = np.bincount(features.indices, minlength=features.shape[1]) + 1
    scale = np.log((features.shape[0] + 1) / often)
    found: Floats = (scale / max(np.sqrt(np.mean(scale[features.indices] ** 2)), 1e-6)).astype(np.float32)
    return found


def telling(task: Task, rare: Floats) -> Floats:
    """``rare`` times how much each feature tells: the size of the log of its share of one side over that of the other.

    Scaled so that the texts keep their length, which a penalty must be seen beside.
    """
    features = task.features
    there = csr_matrix((np.ones_like(features.data), features.indices, features.indptr), features.shape)
    yes, no = (there.T @ (task.weights * side) + _UNSEEN for side in (task.harmful, ~task.harmful))
    scale = rare * np.abs(np.log((yes / yes.sum()) / (no / no.sum())))
    before, after = (np.square(features.data * each[features.indices]).sum() for each in (rare, scale))
    found: Floats = (scale * np.sqrt(before / after)).astype(np.float32)
    return found


def features_of(data: Encoded, sizes: Sizes) -> csr_matrix:
    """(texts, features): words and pairs count 1/√2n each, n the number of words, and pieces 1/√p, p that of pieces."""
    lengths = data.lengths
    words = rows_of(data.hashes[data.words], sizes.wide_words)
    pairs = rows_of(pair_hashes(data.hashes[data.words]), sizes.wide_words)
    ends = np.cumsum(lengths)
    inside = np.ones(len(pairs), bool)
    inside[ends[lengths > 0][:-1] - 1] = False  # the last word of a text makes no pair
    counts = data.piece_counts[data.words]
    firsts = (np.cumsum(data.piece_counts) - data.piece_counts)[data.words]
    offsets = np.cumsum(counts) - counts
    pieces = rows_of(data.piece_hashes, sizes.wide_pieces)[
        np.repeat(firsts - offsets, counts) + np.arange(counts.sum())
    ]
    texts = np.repeat(np.arange(len(lengths)), lengths)
    piece_texts = np.repeat(texts, counts)
    total = np.bincount(piece_texts, minlength=len(lengths))
    where = np.concatenate([texts, texts[:-1][inside], piece_texts])
    columns = np.concatenate([words, pairs[inside], pieces + sizes.wide_words])
    many = len(words) + int(inside.sum())
    value = np.concatenate([1 / np.sqrt(2 * lengths[where[:many]]), 1 / np.sqrt(total[piece_texts])]).astype(np.float32)
    return csr_matrix((value, (where, columns)), shape=(len(lengths), sizes.wide_words + sizes.wide_pieces))
