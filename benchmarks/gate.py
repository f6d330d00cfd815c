"""The whole gate: how fast, how large, and how its scores compare with other filters in the same run.

Speed is measured on the bundled confessions, with the default filters and an echo index of 200,000 made-up rows, on one
thread. Quality is measured where the moderation pool lies beside the checkout (``../shared/data/moderation``, or
``--pool``): on the twentieth of its rows that nothing is ever trained on, neither the shipped classifier nor the TF-IDF
pipelines, which learn from the rest in this run. The others are better-profanity (does it censor) and
alt-profanity-check (its probability). These rows are of the same kind as those learned from; how the classifier does on
data sets it never saw stands in its card.
"""

import argparse
import csv
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import report
from benchmarks.echo import made_up_rows
from moderation.echo import EchoIndex
from moderation.gate import Gate, default_gate

ROOT = Path(__file__).parents[1]
CONFESSIONS = ROOT / "finetune" / "corpora" / "confessions.csv"
POOL = ROOT.parent / "shared" / "data" / "moderation"
HARM = ("insult", "hate", "sexual", "threat")  # what "toxic" can mean
_LEARN = 40_000  # rows the TF-IDF pipelines learn from
_BATCH = 256

Scorer = Callable[[Sequence[str]], Sequence[float]]


@dataclass(frozen=True)
class Exam:
    """Held-out rows, and what the pipelines may learn from."""

    texts: list[str]
    toxic: NDArray[np.bool_]
    learn_texts: list[str]
    learn_toxic: NDArray[np.bool_]


def main() -> None:
    """Measure, compare, print."""
    parser = report.parser(__doc__)
    parser.add_argument("--pool", type=Path, default=POOL, help="folder of the moderation pool")
    options = parser.parse_args()
    version = report.installed("better-profanity")
    result = report.Report("gate", options, baseline=f"better-profanity {version or '(not installed)'}")
    texts = confessions()[: 300 if options.quick else 1500]
    rows = 20_000 if options.quick else 200_000
    result.runs = f"medians of {3 if options.quick else 5} runs over {len(texts)} confessions, each text timed alone"
    with tempfile.TemporaryDirectory() as folder:
        EchoIndex.build(made_up_rows(rows, seed=4), Path(folder) / "echo")
        before = report.memory_mb()
        gate = default_gate(echo=Path(folder) / "echo")
        speed(gate, texts, result, runs=3 if options.quick else 5)
        result.measure("echo_rows", rows)
        result.measure(
            "gate_memory_mb", report.memory_mb() - before, "MB resident, the gate with its index and weights"
        )
        others = competitors()
        compare_speed(others, texts, result)
        exam = read_exam(options.pool, 1500 if options.quick else 6000)
        if exam is None:
            result.note(f"The moderation pool is not in {options.pool}: no AUROC was measured.")
        else:
            compare_quality(gate, others, exam, options, result)
        gate.close()
    result.finish()


def confessions() -> list[str]:
    """The bundled corpus."""
    with CONFESSIONS.open(newline="", encoding="utf-8") as file:
        return [row["confession"] for row in csv.DictReader(file)]


def speed(gate: Gate, texts: list[str], result: report.Report, runs: int) -> None:
    """One text at a time, then in batches; and where the time goes."""
    rounds = [report.clock_each(gate.judge, texts, warmup=50) for _ in range(runs)]
    result.measure("gate_p50_ms", float(np.median([each.p50 for each in rounds])), "ms a text")
    result.measure("gate_p99_ms", float(np.median([each.p99 for each in rounds])), "ms a text")
    result.measure("gate_cpu_p99_ms", float(np.median([each.cpu_p99 for each in rounds])), "ms of processor time")
    batches = [texts[at : at + _BATCH] for at in range(0, len(texts), _BATCH)]

    def all_batches() -> None:
        for batch in batches:
            gate.judge_many(batch)

    times = report.clock(all_batches, runs=runs, warmup=1)
    result.measure("gate_batch_per_s", len(texts) / times.p50 * 1000, f"texts a second, {_BATCH} at a time")
    verdicts = gate.judge_many(texts)
    names = [run.filter for run in verdicts[0].runs]
    spent = np.array([[run.milliseconds for run in verdict.runs] for verdict in verdicts]).mean(axis=0)
    result.table(
        "Where the time goes, in batches", ["filter", "µs a text"], list(zip(names, 1000 * spent, strict=True))
    )
    held = sum(verdict.decision != "allow" for verdict in verdicts) / len(verdicts)
    result.measure("confessions_held", held, "share of harmless confessions that any filter holds or blocks")
    classifier = sum(any(each.filter == "classifier" for each in verdict.findings) for verdict in verdicts)
    result.measure("confessions_held_by_classifier", classifier / len(verdicts), "share")


def competitors() -> dict[str, Scorer]:
    """The other filters that are installed here."""
    found: dict[str, Scorer] = {}
    if report.installed("better-profanity"):
        from better_profanity import profanity

        profanity.load_censor_words()
        found["better_profanity"] = lambda texts: [float(profanity.contains_profanity(text)) for text in texts]
    if report.installed("alt-profanity-check"):
        from profanity_check import predict_prob

        found["alt_profanity_check"] = lambda texts: [float(score) for score in predict_prob(list(texts))]
    return found


def compare_speed(others: dict[str, Scorer], texts: list[str], result: report.Report) -> None:
    """How long the others take for one text."""
    for name, score in others.items():
        times = report.clock_each(lambda text, score=score: score([text]), texts[:200], warmup=5)  # type: ignore[misc]
        result.measure(f"{name}_p50_ms", times.p50, "ms a text")
        result.measure(f"vs_{name}", times.p50 / float(result.values["gate_p50_ms"] or 1), "times the gate's p50")


def read_exam(pool: Path, count: int) -> Exam | None:
    """Rows of the pool with a known general label: the twentieth held back, and the rest; None without a pool."""
    if not (pool / "davidson_labeled.csv").is_file():
        return None
    from moderation.training.clean import held_back, without_echoes
    from moderation.training.encode import split_rows
    from moderation.training.pool import read_pool

    rows = [row for row in read_pool(pool) if row.labels.get("tox", 0.5) != 0.5]
    rows, texts = split_rows(rows)
    held = held_back(texts)
    chance = np.random.default_rng(1)
    examined = chance.permutation(np.flatnonzero(held))[:count]
    learned = without_echoes(texts, chance.permutation(np.flatnonzero(~held))[:_LEARN], examined)
    toxic = np.array([row.labels["tox"] >= 0.5 for row in rows])
    return Exam(
        [rows[place].text for place in examined],
        toxic[examined],
        [rows[place].text for place in learned],
        toxic[learned],
    )


def pipelines(exam: Exam) -> dict[str, Scorer]:
    """TF-IDF of words and word pairs with a linear SVM and with logistic regression: the textbook answer."""
    if not report.installed("scikit-learn"):
        return {}
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    found: dict[str, Scorer] = {}
    models = {"tfidf_svm": LinearSVC(C=0.5), "tfidf_logreg": LogisticRegression(C=4, max_iter=200)}
    for name, model in models.items():
        line = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), model)
        line.fit(exam.learn_texts, exam.learn_toxic)
        found[name] = lambda texts, line=line: [float(score) for score in line.decision_function(list(texts))]  # type: ignore[misc]
    return found


def compare_quality(
    gate: Gate, others: dict[str, Scorer], exam: Exam, options: argparse.Namespace, result: report.Report
) -> None:
    """AUROC and average precision of everybody on the held-out rows."""
    from moderation.training.measure import auprc, auroc, recall_at

    def by_gate(texts: Sequence[str]) -> list[float]:
        scores = [verdict.scores for verdict in gate.judge_many(texts)]
        return [max(each.get(category, 0.0) for category in HARM) for each in scores]

    learned = pipelines(exam)
    for name, score in learned.items():
        times = report.clock_each(lambda text, score=score: score([text]), exam.texts[:200], warmup=5)  # type: ignore[misc]
        result.measure(f"{name}_p50_ms", times.p50, "ms a text, the score alone")
    table = []
    for name, score in {"gate": by_gate, **others, **learned}.items():
        many = 400 if name == "better_profanity" else len(exam.texts)  # it takes tens of milliseconds a text
        scores, toxic = np.array(score(exam.texts[:many]), np.float32), exam.toxic[:many]
        result.measure(f"{name}_auroc", auroc(toxic, scores), "toxic or not, rows held out")
        table.append([name, auroc(toxic, scores), auprc(toxic, scores), recall_at(toxic, scores, 0.05)])
    title = f"On {len(exam.texts):,} held-out rows of the pool, {exam.toxic.mean():.0%} of them toxic"
    result.table(title, ["filter", "AUROC", "AUPRC", "recall at 5 % false alarms"], table)


if __name__ == "__main__":
    main()
