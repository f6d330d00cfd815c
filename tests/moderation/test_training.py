"""Training the classifier on a tiny pool: the same bytes twice, a working filter, and plain errors."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from moderation.context import Context
from moderation.filters.classifier import ClassifierFilter
from moderation.model import weights
from moderation.model.classifier import CATEGORIES, HEADS, Classifier
from moderation.model.tokens import tokens
from moderation.model.weights import Floats
from moderation.normalise import normalise
from moderation.training.__main__ import main
from moderation.training.calibrate import calibrate
from moderation.training.clean import first_of_each, without_echoes
from moderation.training.dialect import by_dialect, is_marked
from moderation.training.encode import Sizes, encode
from moderation.training.errors import PoolBroken
from moderation.training.halves import Finished, Halves
from moderation.training.hints import hinted
from moderation.training.learn import Settings, train_deep
from moderation.training.made import made_rows
from moderation.training.measure import auprc, auroc, examine, recall_at
from moderation.training.pool import read_pool
from moderation.training.probe import KINDS, probes
from moderation.training.rows import Row
from moderation.training.run import Tell, train_classifier
from moderation.training.vocabulary import count
from moderation.training.wide import Task, features_of, rarity, telling, train_wide
from tests.moderation.tiny_pool import write_plain, write_pool

SIZES = Sizes(words=512, pieces=512, wide_words=2048, wide_pieces=2048, width=8, filters=12, hidden=8)
SETTINGS = replace(Settings(), sizes=SIZES, batch=64, epochs=3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two trainings on the same pool: one, two."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("training")
    write_pool(folder / "pool", rows=80)
    write_plain(folder / "plain")
    for name in ("one", "two"):
        train(folder, name, lambda _what, _done, _of: None)
    return folder


def train(folder: Path, name: str, tell: Tell) -> None:
    """Train on the pool in ``folder``, into its folder ``name``."""
    train_classifier(
        folder / "pool",
        folder / name,
        text_folder=folder / "plain",
        harmless=["the garden and the rain", "soup in the morning"],
        settings=SETTINGS,
        per_side=20,
        tell=tell,
    )


def test_the_same_pool_and_seed_give_the_same_bytes(trained: Path) -> None:
    assert (trained / "one" / "classifier.npz").read_bytes() == (trained / "two" / "classifier.npz").read_bytes()


_SLOWLY = """
import sys, time, torch
from pathlib import Path
from tests.moderation.test_training import train

def tell(what: str, done: int, of: int) -> None:
    if "2 of 3" in what and done < of:
        print("second", flush=True)
        time.sleep(60)

torch.set_num_threads(1)
train(Path(sys.argv[1]), "killed", tell)
"""


def test_a_killed_training_goes_on_and_gives_the_same_bytes(trained: Path) -> None:
    """SIGKILL while the second of four parts is learned; then the same call here, which learns three."""
    command = [sys.executable, "-c", _SLOWLY, str(trained)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "second\n"
        process.kill()
    unfinished = trained / "killed" / ".unfinished"
    assert len(list(unfinished.iterdir())) == 1
    learned = set[str]()
    train(trained, "killed", lambda what, done, of: learned.add(what) if done < of else None)
    assert not any("1 of 3" in what for what in learned)
    assert sum("holding out" in what or what == "training on all" for what in learned) == 3
    assert (trained / "killed" / "classifier.npz").read_bytes() == (trained / "one" / "classifier.npz").read_bytes()
    assert not unfinished.exists()


def test_what_is_damaged_or_of_another_training_is_learned_again(trained: Path, tmp_path: Path) -> None:
    rows = read_pool(trained / "pool")[:100]
    data = encode(rows, [row.text.split() for row in rows], SIZES)
    every, start = np.arange(len(rows)), np.zeros((SIZES.words, SIZES.width), np.float32)
    wide = train_wide(data, features_of(data, SIZES), every, SETTINGS)
    times = 0

    def learn() -> Halves:
        nonlocal times
        times += 1
        return Halves(wide, train_deep(data, every, SETTINGS, start, lambda _done, _of: None))

    def again(settings: Settings = SETTINGS) -> tuple[int, Halves]:
        halves = Finished(tmp_path / "kept", data, start, settings).halves(every, learn)
        return times, halves

    first, kept = again(), again()
    assert (first[0], kept[0]) == (1, 1)
    for name, values in first[1].arrays().items():
        assert np.array_equal(values, kept[1].arrays()[name])
    assert again(replace(SETTINGS, epochs=4))[0] == 2
    for file in (tmp_path / "kept").iterdir():
        file.write_bytes(file.read_bytes()[:-100])
    assert again()[0] == 3


def test_the_trained_filter_knows_the_pool_s_insults(trained: Path) -> None:
    judge = ClassifierFilter.open(trained / "one" / "classifier.npz")
    nasty, nice = (
        {finding.category: finding for finding in judge.judge(normalise(text), Context())}
        for text in ("the garden tea snotwaffle bread rain", "the garden tea morning bread rain")
    )
    assert set(nasty) == set(CATEGORIES)
    assert nasty["insult"].score is not None
    assert nice["insult"].score is not None
    assert nasty["insult"].score > 0.5 > nice["insult"].score
    assert nasty["insult"].span is not None
    assert "the garden tea snotwaffle"[nasty["insult"].span.start : nasty["insult"].span.end] == "snotwaffle"


def test_the_card_tells_sources_exams_and_hashes(trained: Path) -> None:
    card = json.loads((trained / "one" / "card.json").read_text())
    assert len(card["pool"]["tsd_train.csv"]) == 64
    assert {exam["source"] for exam in card["held_out"]} >= {"wiki", "edos", "davidson"}
    assert card["harmless"]["posts"] == 2
    assert [probe["head"] for probe in card["probes"]] == list(CATEGORIES) * len(KINDS)
    page = (trained / "one" / "README.md").read_text()
    for said in ("What it cannot do", "CC-BY-4.0", "Davidson et al.", "never trained on"):
        assert said in page
    assert "snotwaffle" not in page


def test_numpy_and_torch_agree(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Torch knows no stretches.
    monkeypatch.setattr("moderation.model.classifier._WORST", np.zeros(len(HEADS), np.float32))
    rows = read_pool(trained / "pool")[:300]
    rows += [Row(" ".join(row.text for row in rows[at : at + 7]), "wiki", {"tox": 1.0}) for at in range(50)]
    texts = [row.text.split() for row in rows]
    data = encode(rows, texts, SIZES)
    every = np.arange(len(rows))
    deep = train_deep(data, every, SETTINGS, None, lambda _done, _of: None)
    features = features_of(data, SIZES)
    wide = train_wide(data, features, every, SETTINGS)
    wanted = deep.predict(data, every, SIZES) + wide.predict(features)
    arrays = {name: value.detach().numpy() for name, value in {**deep.tables, **deep.dense}.items()}
    arrays |= {"wide.word": wide.words, "wide.piece": wide.pieces, "wide.bias": wide.bias}
    about = {"version": "1", "slope": [1.0] * len(HEADS), "offset": [0.0] * len(HEADS)}
    weights.save(tmp_path / "w.npz", weights.rounded(arrays, about))
    got = Classifier.open(tmp_path / "w.npz").logits(texts)
    assert np.abs(got - wanted).max() < 0.05 * np.abs(wanted).max()  # eight bits


def test_a_text_scores_the_same_alone_and_among_others(trained: Path) -> None:
    classifier = Classifier.open(trained / "one" / "classifier.npz")
    texts = [normalise(text) for text in ("soup snotwaffle", "", "the garden", "toadlicker " * 300, "rain!")]
    together = classifier.scores(texts)
    for text, row in zip(texts, together, strict=True):
        assert np.allclose(classifier.scores([text])[0], row, atol=1e-5)


def test_a_pool_without_a_file_is_refused_by_name(trained: Path, tmp_path: Path) -> None:
    pool = write_pool(tmp_path / "pool", rows=4)
    (pool / "tsd_train.csv").unlink()
    with pytest.raises(PoolBroken, match="tsd_train"):
        read_pool(pool)
    pool = write_pool(tmp_path / "again", rows=4)
    (pool / "tsd_train.csv").write_text("other,columns\n1,2\n")
    with pytest.raises(PoolBroken, match="tsd"):
        read_pool(pool)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--pool", "nowhere"], "surge_profanity_en.csv is not there"),
        (["--text", "nowhere"], "nowhere holds no *.txt.xz"),
        (["--harmless", "nowhere.csv"], "nowhere.csv cannot be read"),
        (["--harmless", "other.csv"], "other.csv has no column 'confession'"),
        (["--harmless", "empty.csv"], "empty.csv holds no posts"),
        (["--pool", "hollow"], "davidson in hollow cannot be read: unexpected end of davidson_labeled.csv"),
        (["--text", "damaged"], "books.txt.xz cannot be read"),
    ],
)
def test_a_wrong_path_is_named_in_a_sentence(
    wrong: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_pool(tmp_path / "pool", rows=4)
    (tmp_path / "other.csv").write_text("text\nsoup\n")
    (tmp_path / "empty.csv").write_text("confession\n")
    (write_pool(tmp_path / "hollow", rows=4) / "davidson_labeled.csv").write_text("")
    (write_plain(tmp_path / "damaged") / "books.txt.xz").write_bytes(b"no archive at all")
    monkeypatch.setattr("sys.argv", ["training", "--pool", "pool", "--out", "out", *wrong])
    threads = torch.get_num_threads()
    assert main() == 2
    torch.set_num_threads(threads)
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_named_before_anything_is_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_pool(tmp_path / "pool", rows=4)
    (tmp_path / "out").write_text("a file")
    monkeypatch.setattr("sys.argv", ["training", "--pool", "pool", "--out", "out", "--made", "20"])
    threads = torch.get_num_threads()
    assert main() == 1
    torch.set_num_threads(threads)
    said = " ".join(capsys.readouterr().err.split())
    assert "A file cannot be read or written" in said
    assert "holding out" not in said


def test_a_marked_comment_gives_what_is_marked_and_what_is_not(tmp_path: Path) -> None:
    pool = write_pool(tmp_path / "pool", rows=4)
    (pool / "tsd_train.csv").write_text('spans,text\n"[4, 5, 6, 7, 8]","you toads read my book"\n"[0, 1]",abc\n')
    rows = {row.text: row for row in read_pool(pool) if row.source in ("spans", "rest")}
    assert (rows["toads"].source, rows["toads"].labels["tox"]) == ("spans", 1.0)
    assert (rows["you read my book"].source, rows["you read my book"].labels["tox"]) == ("rest", 0.0)
    assert len(rows) == 2  # the other comment is marked for the most part


def test_what_tells_by_itself_counts_more_and_texts_keep_their_length() -> None:
    """A feature of harmful texts alone, one of harmless ones alone, one of both."""
    features = csr_matrix(np.array([[1, 0, 1], [1, 0, 1], [0, 1, 1], [0, 1, 1]], np.float32))
    task = Task(features, np.array([True, True, False, False]), np.ones(4, np.float32))
    scale = telling(task, np.ones(3, np.float32))
    assert scale[0] == pytest.approx(scale[1])
    assert scale[2] == pytest.approx(0, abs=1e-6)
    assert np.square(features.toarray() * scale).sum() == pytest.approx(np.square(features.toarray()).sum())


def test_rare_features_count_more(trained: Path) -> None:
    rows = read_pool(trained / "pool")
    texts = [row.text.split() for row in rows]
    features = features_of(encode(rows, texts, SIZES), SIZES)
    scale = rarity(features)
    often = np.bincount(features.indices, minlength=features.shape[1])
    order = np.argsort(often)
    assert (np.diff(scale[order]) <= 1e-6).all()
    assert np.mean(scale[features.indices] ** 2) == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize(
    "text", ["he be working late", "finna go home", "y'all know me", "it don't matter", "ain't he"]
)
def test_marks_of_african_american_english_are_seen(text: str) -> None:
    assert is_marked(text.split())


def test_plain_grammar_is_no_mark() -> None:
    assert not is_marked(["he", "is", "working", "late", "and", "it", "does", "not", "matter", "to", "you", "all"])


def test_false_alarms_are_counted_by_dialect() -> None:
    texts = [["finna"]] * 20 + [["going"]] * 30 + [["finna"]] * 5
    labels = np.zeros((55, len(HEADS)), np.float32)
    labels[50:, 0] = 1  # harmful rows do not count
    scores = np.zeros((55, len(HEADS)), np.float32)
    scores[[0, 1, 20, 50], 3] = 0.7
    [found] = by_dialect(texts, labels, scores, np.array(["x"] * 55))
    assert (found.marked, found.others) == (20, 30)
    assert (found.marked_alarms, found.others_alarms) == pytest.approx((0.1, 1 / 30))
    assert by_dialect(texts[:30], labels[:30], scores[:30], np.array(["x"] * 30)) == []  # too few others


def test_made_rows_are_the_same_each_time_and_leave_no_slot_open() -> None:
    rows = made_rows(200, seed=3)
    assert rows == made_rows(200, seed=3)
    assert not [row.text for row in rows if "{" in row.text or "}" in row.text]
    assert {head for row in rows for head, label in row.labels.items() if label == 1} >= set(CATEGORIES)


def test_the_vocabulary_knows_no_remains_of_starred_words() -> None:
    found = count(["Queen B*tch sings", "it's a f**k up"])
    assert set(found) == {"queen", "sings", "it's", "a", "up"}


def test_swearing_teaches_one_head_alone_that_it_is_not_sexual() -> None:
    rows = [row for row in made_rows(200, seed=3) if row.source == "made-sexual" and "tox" not in row.labels]
    swearing = [row for row in rows if row.labels["sexual"] == 0]
    assert len(swearing) > 100
    assert all(set(row.labels) == {"sexual", "spam"} for row in swearing)


def test_no_sentence_to_examine_by_is_learned_from() -> None:
    heads = [head for kind in KINDS for head in probes(kind).values()]
    asked = {_plain(line) for head in heads for side in head.values() for line in side}
    assert len(asked) > 2000
    assert not asked & {_plain(row.text) for row in made_rows(4000, seed=1)}


def _plain(text: str) -> str:
    return " ".join(tokens(normalise(text.lower().replace("'", "")))).rstrip("!? ")


@pytest.mark.parametrize(
    ("text", "sexual"),
    [
        ("what the fuck, you utter asshole", 0.0),
        ("fuck you and your shitty car", 0.0),
        ("watching porn and sucking his dick", 0.8),
        ("what a dick you are", None),  # one word alone is as often abuse
        ("get in bed, it is late", None),
    ],
)
def test_two_sexual_things_make_a_row_sexual_and_swearing_does_not(text: str, sexual: float | None) -> None:
    row = hinted(Row(text, "davidson", {"tox": 1.0}))
    assert row.labels.get("sexual") == sexual
    assert ("sexual" in row.guessed) == (sexual is not None)
    told = Row(text, "convabuse", {"sexual": 1.0})
    assert hinted(told).labels["sexual"] == 1.0  # what people said stands


def test_measures_on_cases_worked_by_hand() -> None:
    harmful = np.array([True, False, True, False])
    scores = np.array([0.9, 0.8, 0.7, 0.1], np.float32)
    assert auroc(harmful, scores) == pytest.approx(0.75)
    assert auroc(harmful, np.zeros(4, np.float32)) == pytest.approx(0.5)
    assert auprc(harmful, scores) == pytest.approx((1 + 2 / 3) / 2)
    assert recall_at(harmful, scores, 0.0) == pytest.approx(0.5)
    labels = np.full((20, len(HEADS)), np.nan, np.float32)
    labels[:, 2] = np.arange(20) % 2
    [exam] = examine(np.tile(labels[:, 2:3], len(HEADS)), labels, np.array(["x"] * 20))
    assert (exam.head, exam.auroc, exam.held, exam.false_alarms) == ("hate", 1.0, 1.0, 0.0)


def test_calibration_puts_the_anchors_where_it_says() -> None:
    logits = (np.random.default_rng(1).normal(size=(20_000, 2)) * [1, 30]).astype(np.float32)
    scores = _calibrated(logits, np.full(20_000, "talk"))
    assert (scores >= 0.6).mean(axis=0) == pytest.approx(0.0015, abs=0.0005)
    assert (scores >= 0.2).mean(axis=0) == pytest.approx(0.1, abs=0.01)


def test_calibration_counts_a_small_source_as_much_as_a_large_one() -> None:
    chance = np.random.default_rng(1)
    logits = np.concatenate([chance.normal(size=(20_000, 1)), chance.normal(3, 1, (2_000, 1))]).astype(np.float32)
    sources = np.array(["talk"] * 20_000 + ["made-plain"] * 2_000)
    reached = _calibrated(logits, sources)[:, 0] >= 0.6
    assert (reached[:20_000].mean() + reached[20_000:].mean()) / 2 == pytest.approx(0.0015, abs=0.0005)


def _calibrated(logits: Floats, sources: NDArray[np.str_]) -> Floats:
    found = calibrate(logits, sources)
    return np.asarray(1 / (1 + np.exp(-(logits * found.slope + found.offset))), np.float32)


def test_rows_that_echo_the_examined_ones_are_left_out() -> None:
    text = [f"w{number}" for number in range(12)]
    texts = [text, [*text[:11], "other"], ["quite", "another"], text]
    assert first_of_each(texts) == [0, 1, 2]
    assert without_echoes(texts, np.array([1, 2]), np.array([0])).tolist() == [2]
