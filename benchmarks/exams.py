"""The embedded classifier on data sets it was not trained on, beside a textbook classifier in the same folds.

The baseline is TF-IDF of words, word pairs and 3- to 5-grams of characters with logistic regression, a model a head,
trained here on the same public data. For "any" that is its model of what is harmful in whatever way, for the classifier
its highest score. The classifier's own figures are those of its card, which its training writes from the same folds;
`python -m moderation.training` makes them anew. Exams of a head that only the examined data set labels are left out:
the baseline has nothing to learn it from, the classifier has sentences written for it.
"""

import json
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression

from benchmarks import report
from benchmarks.gate import POOL
from moderation.model.classifier import HEADS, SHIPPED
from moderation.training.clean import without_echoes
from moderation.training.encode import split_rows
from moderation.training.measure import EXAMINED, Exam, examine
from moderation.training.pool import read_pool
from moderation.training.run import FOLDS, fold_parts

_FEWEST = 20  # labels a side that a model is trained on


def main() -> None:
    """Train the baseline once a fold and head, examine it, and print both."""
    options = report.options(__doc__)
    result = report.Report("exams", options, baseline="TF-IDF of words and characters with logistic regression")
    result.runs = "one training a fold; nothing in it is drawn by chance"
    card = json.loads(SHIPPED.with_name("card.json").read_text("utf-8"))
    ours = {(each["source"], each["head"]): each for each in card["held_out"]}
    if not POOL.is_dir():
        result.note("The pool (../shared/data/moderation) is not here: only the card's figures.")
        result.measure("mean_auroc", card["mean_auroc"], "leave one data set out")
        result.measure("mean_auprc", card["mean_auprc"], "leave one data set out")
        result.finish()
        return
    table = []
    for theirs in baseline(POOL, FOLDS[:1] if options.quick else FOLDS):
        mine = ours[theirs.source, theirs.head]
        table.append([theirs.source, theirs.head, mine["auroc"], theirs.auroc, mine["auprc"], theirs.auprc])
    means = np.mean([row[2:] for row in table], axis=0)
    for name, value in zip(("auroc", "baseline_auroc", "auprc", "baseline_auprc"), means.tolist(), strict=True):
        result.measure(name, value, f"mean over {len(table)} exams")
    heads = ["data set", "head", "AUROC", "of the baseline", "AUPRC", "of the baseline"]
    result.table("Each data set, left out of training", heads, table)
    result.finish()


def baseline(pool: Path, folds: tuple[tuple[str, ...], ...]) -> list[Exam]:
    """The baseline on every data set of the folds, for the heads that it could learn from the others."""
    rows, texts = split_rows(list(read_pool(pool)))
    sources = np.array([row.source for row in rows])
    labels = np.array(
        [[np.nan if head in row.guessed else row.labels.get(head, np.nan) for head in HEADS] for row in rows],
        np.float32,
    )
    features = tfidf([row.text for row in rows])
    found = []
    for fold in folds:
        out, examined = fold_parts(sources, fold)
        learned = without_echoes(texts, np.flatnonzero(~out), examined)
        scores, learned_heads = np.zeros((len(examined), len(HEADS)), np.float32), set()
        for place in range(len(HEADS)):
            known = learned[~np.isnan(labels[learned, place])]
            harmful = labels[known, place] >= 0.5
            if min(harmful.sum(), (~harmful).sum()) >= _FEWEST:
                model = LogisticRegression(solver="liblinear").fit(features[known], harmful)
                scores[:, place] = model.decision_function(features[examined])
                learned_heads.add(EXAMINED[place])
        exams = examine(scores, labels[examined], sources[examined])
        found += [exam for exam in exams if exam.head in learned_heads]
    return found


def tfidf(texts: list[str]) -> csr_matrix:
    """(texts, 2^19) features: words and word pairs, and character 3- to 5-grams within words, each weighted."""
    parts = []
    for kind, lengths in (("word", (1, 2)), ("char_wb", (3, 5))):
        counts = HashingVectorizer(
            analyzer=kind, ngram_range=lengths, n_features=1 << 18, alternate_sign=False, norm=None
        ).transform(texts)
        parts.append(TfidfTransformer(sublinear_tf=True).fit_transform(counts))
    return hstack(parts).tocsr().astype(np.float32)


if __name__ == "__main__":
    main()
