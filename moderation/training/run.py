"""The whole of it: pool in, weights and card out."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from moderation.model import weights
from moderation.model.classifier import HEADS, Classifier
from moderation.model.weights import Weights
from moderation.training.calibrate import NEUTRAL, Calibration, calibrate
from moderation.training.card import Findings, write_card
from moderation.training.clean import held_back, without_echoes
from moderation.training.dialect import Dialect, by_dialect
from moderation.training.encode import Encoded, Ints, encode, split_rows
from moderation.training.halves import Finished, Halves
from moderation.training.learn import Floats, Settings, train_deep
from moderation.training.made import made_rows
from moderation.training.measure import Exam, examine
from moderation.training.plain import plain_rows, plain_texts
from moderation.training.pool import file_hashes, read_pool
from moderation.training.probe import false_alarms, probe
from moderation.training.rows import Row
from moderation.training.vectors import start_table, word_vectors
from moderation.training.wide import features_of, train_wide

Tell = Callable[[str, int, int], None]  # what is being done, how much of it is done, of how much

# Which data sets are held out together: those with one origin, and with them what was made from them.
FOLDS = (("surge", "wiki", "jigsaw", "hatemoji"), ("edos", "convabuse", "sms"), ("davidson", "toxicspans", "tsd"))
_MADE_FROM = {"words": "surge", "spans": "tsd", "rest": "tsd"}
# What heads with little data borrow from others, in units of spread; chosen on the exams, as the card says.
_BORROWED = {
    "tox": {"insult": 0.1, "hate": 0.1, "sexual": 0.1, "threat": 0.1},
    "hate": {"tox": 0.4},
    "sexual": {"tox": 0.1},  # more would call swearing sexual
}
_HARMLESS = ("goemotions", "talk", "long", "made-plain")  # whose held-back rows set the calibration


@dataclass(frozen=True)
class Pool:
    """All rows, cleaned and encoded."""

    rows: Sequence[Row]
    texts: Sequence[list[str]]
    data: Encoded
    features: csr_matrix
    held: NDArray[np.bool_]  # which rows nothing is trained on
    start: Floats  # the table of words that the deep half starts from


def train_classifier(
    pool_folder: Path,
    out: Path,
    *,
    text_folder: Path | None,
    harmless: Sequence[str] | None,
    settings: Settings,
    per_side: int,
    tell: Tell,
) -> dict[str, Any]:
    """Train on the pool and write ``classifier.npz``, ``README.md`` and ``card.json`` (last) into ``out``.

    Every data set is first held out once, with those of its fold, to measure what the heads are worth on text of
    other origin; then the classifier is trained on all. ``text_folder`` holds plain text (``*.txt.xz``) for the word
    vectors and further harmless rows; without it the vectors come from the pool alone. ``harmless`` are posts that
    nothing is trained on, to count false alarms by. Returns the card. What is finished lies in ``out/.unfinished``
    until all is, so that the same call goes on after it was stopped, however hard.
    """
    began = time.process_time()
    pool = _gather(pool_folder, text_folder, settings, per_side, tell)
    out.mkdir(parents=True, exist_ok=True)
    finished = Finished(out / ".unfinished", pool.data, pool.start, settings)
    told = _hold_out(pool, settings, finished, tell)
    every = without_echoes(pool.texts, np.flatnonzero(~pool.held), np.flatnonzero(pool.held))
    halves = _train(pool, every, settings, finished, "training on all", tell)
    done = _calibrated(_arrays(halves, told.scales), pool)
    hashes = file_hashes(pool_folder)
    weights.save(out / "classifier.npz", done)
    classifier = Classifier.open(out / "classifier.npz")
    found = Findings(
        version=done.about["version"],
        exams=told.exams,
        dialects=told.dialects,
        own_dialects=_own_dialects(classifier, pool),
        probes=probe(classifier),
        harmless=None if harmless is None else false_alarms(classifier, harmless),
        rows=dict(Counter(row.source for row in pool.rows)),
        hashes=hashes,
        settings=asdict(settings) | {"per_side": per_side, "text_folder": text_folder is not None},
        seconds=round(time.process_time() - began + finished.seconds),
    )
    card = write_card(out, found)
    finished.forget()
    return card


def _gather(folder: Path, text_folder: Path | None, settings: Settings, per_side: int, tell: Tell) -> Pool:
    tell("reading the pool", 0, 1)
    rows = [*read_pool(folder), *made_rows(per_side, settings.seed)]
    if text_folder is not None:
        rows += plain_rows(text_folder, folder, 4 * per_side, settings.seed)
    rows, texts = split_rows(rows)
    data = encode(rows, texts, settings.sizes)
    plain = plain_texts(text_folder, 4_000_000) if text_folder is not None else ()
    words, vectors = word_vectors((*plain, *texts), settings.sizes.width, vocabulary=20_000, seed=settings.seed)
    start = start_table(words, vectors * settings.vector_size, settings.sizes.words, settings.seed)
    tell("reading the pool", 1, 1)
    return Pool(rows, texts, data, features_of(data, settings.sizes), held_back(texts), start)


@dataclass
class _HeldOut:
    """What holding data sets out has told."""

    exams: list[Exam] = field(default_factory=list)
    dialects: list[Dialect] = field(default_factory=list)
    scales: tuple[Floats, Floats] = (np.ones(len(HEADS), np.float32), np.ones(len(HEADS), np.float32))


def _hold_out(pool: Pool, settings: Settings, finished: Finished, tell: Tell) -> _HeldOut:
    """Exams on data sets that were held out, and what each half's logits there are divided by."""
    told = _HeldOut()
    spread: list[tuple[Floats, Floats]] = []
    for number, fold in enumerate(FOLDS, 1):
        out, examined = fold_parts(pool.data.sources, fold)
        if not len(examined) or out.all():
            continue
        learned = without_echoes(pool.texts, np.flatnonzero(~out & ~pool.held), examined)
        name = f"holding out {', '.join(fold)} ({number} of {len(FOLDS)})"
        halves = _train(pool, learned, settings, finished, name, tell)
        wide, deep = halves.predict(pool.data, pool.features, examined, settings)
        scales = (wide.std(axis=0) + 1e-6, (deep.std(axis=0) + 1e-6) / settings.deep_share)
        spread.append(scales)
        texts = [pool.texts[place] for place in examined.tolist()]
        scores = Classifier(_calibrated(_arrays(halves, scales), pool)).scores_of(texts)
        sources = pool.data.sources[examined]
        labels = np.where(pool.data.guessed, np.nan, pool.data.labels)[examined]
        told.exams += examine(np.column_stack([scores.max(axis=1), scores]), labels, sources)
        told.dialects += by_dialect(texts, labels, scores, sources)
    if spread:
        wides, deeps = zip(*spread, strict=True)
        told.scales = (np.mean(wides, axis=0), np.mean(deeps, axis=0))
    return told


def fold_parts(sources: NDArray[np.str_], fold: tuple[str, ...]) -> tuple[NDArray[np.bool_], Ints]:
    """Which rows a fold takes out of training (also those made from its data sets), and the rows it examines."""
    kin = [name for name, origin in _MADE_FROM.items() if origin in fold]
    return np.isin(sources, (*fold, *kin)), np.flatnonzero(np.isin(sources, fold))


def _train(pool: Pool, chosen: Ints, settings: Settings, finished: Finished, name: str, tell: Tell) -> Halves:
    def train() -> Halves:
        tell(name, 0, 1)
        wide = train_wide(pool.data, pool.features, chosen, settings)
        deep = train_deep(pool.data, chosen, settings, pool.start, lambda done, of: tell(name, done, of))
        return Halves(wide, deep)

    halves = finished.halves(chosen, train)
    tell(name, 1, 1)
    return halves


def _calibrated(arrays: dict[str, Floats], pool: Pool) -> Weights:
    """Weights as they ship, calibrated by the held-back rows of the harmless sources."""
    rounded = weights.rounded(arrays, _about(NEUTRAL, ""))
    harmless = np.flatnonzero(pool.held & np.isin(pool.data.sources, _HARMLESS))
    logits = Classifier(rounded).logits([pool.texts[place] for place in harmless.tolist()])
    calibration = calibrate(logits, pool.data.sources[harmless])
    return replace(rounded, about=_about(calibration, _fingerprint(arrays, calibration)))


def _own_dialects(classifier: Classifier, pool: Pool) -> list[Dialect]:
    """The finished classifier on the pool's harmless rows that nothing was trained on."""
    held = np.flatnonzero(pool.held)
    labels = np.where(pool.data.guessed, np.nan, pool.data.labels)[held]
    texts = [pool.texts[place] for place in held.tolist()]
    return by_dialect(texts, labels, classifier.scores_of(texts), np.full(len(held), "held back"))


def _mix() -> Floats:
    """(heads, heads): what each head (row) gives to each (column)."""
    mix = np.eye(len(HEADS), dtype=np.float32)
    for head, lenders in _BORROWED.items():
        for lender, share in lenders.items():
            mix[HEADS.index(lender), HEADS.index(head)] = share
    return mix


def _arrays(halves: Halves, scales: tuple[Floats, Floats]) -> dict[str, Floats]:
    """The weights by name; each half divided by its spread so that both count the same, and the heads mixed."""
    arrays, mix = halves.arrays(), _mix()
    arrays["out.weight"] = arrays["out.weight"].T  # heads last, as everywhere else
    for name in ("wide.word", "wide.piece", "wide.bias", "out.weight", "out.bias"):
        scale = scales[0] if name.startswith("wide.") else scales[1]
        arrays[name] = ((arrays[name] / scale) @ mix).astype(np.float32)
    arrays["out.weight"] = arrays["out.weight"].T
    return arrays


def _about(calibration: Calibration, version: str) -> dict[str, Any]:
    return {"version": version, "heads": list(HEADS), **asdict(calibration)}


def _fingerprint(arrays: dict[str, Floats], calibration: Calibration) -> str:
    """Ten hexadecimal digits of SHA-256 over everything learned that decides a score."""
    digest = hashlib.sha256(json.dumps(asdict(calibration)).encode())
    for name in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()[:10]
