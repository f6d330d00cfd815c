"""The echo index finds copies, leaves other texts alone, and refuses damaged files."""

import json
import random
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.echo import EchoBroken, EchoIndex, EchoNotFound, copy_rate
from moderation.echo.compare import longest_run, runs
from moderation.echo.words import split

VOCABULARY = ["".join(random.Random(seed).choices(string.ascii_lowercase, k=3 + seed % 6)) for seed in range(3000)]


def made_up_rows(count: int, seed: int) -> list[str]:
    """Rows of 6 to 32 words, common words oftener than rare ones."""
    chance = random.Random(seed)
    weights = [1 / (rank + 5) for rank in range(len(VOCABULARY))]
    return [" ".join(chance.choices(VOCABULARY, weights, k=chance.randint(6, 32))).capitalize() for _ in range(count)]


ROWS = made_up_rows(1500, seed=1)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> EchoIndex:
    folder = tmp_path_factory.mktemp("adapter") / "echo"
    EchoIndex.build(iter(ROWS), folder)
    return EchoIndex.open(folder)


def caught(index: EchoIndex, texts: list[str], rows: list[str]) -> float:
    found = [index.nearest(text) for text in texts]
    return sum(
        match is not None and match.is_copy and match.row == row for match, row in zip(found, rows, strict=True)
    ) / len(rows)


def with_typo(text: str, chance: random.Random) -> str:
    at, letter = chance.randrange(len(text)), chance.choice(string.ascii_lowercase)
    return text[:at] + chance.choice([letter, "", letter + text[at]]) + text[at + 1 :]


def test_exact_copies_are_found_whatever_the_case_and_punctuation(index: EchoIndex) -> None:
    for row in ROWS[::50]:
        match = index.nearest(f"  {row.upper().replace(' ', ', ')}!! ")
        assert match is not None
        assert (match.row, match.is_copy, match.overlap) == (row, True, 1.0)


def test_copies_with_two_typos_are_found(index: EchoIndex) -> None:
    chance = random.Random(2)
    rows = ROWS[:600]
    assert caught(index, [with_typo(with_typo(row, chance), chance) for row in rows], rows) >= 0.99


def test_copies_with_a_tenth_of_the_words_swapped_are_found(index: EchoIndex) -> None:
    chance = random.Random(3)
    rows = [row for row in ROWS if len(row.split()) >= 10][:400]
    texts = []
    for row in rows:
        words = row.split()
        for at in chance.sample(range(len(words)), round(len(words) / 10)):
            words[at] = chance.choice(VOCABULARY)
        texts.append(" ".join(words))
    assert caught(index, texts, rows) >= 0.95


def test_embedded_copies_are_found_and_their_place_is_shown(index: EchoIndex) -> None:
    others = made_up_rows(200, seed=4)
    rows = ROWS[:200]
    texts = [f"{other} 🙂 {row}. {other[::-1]}" for other, row in zip(others, rows, strict=True)]
    assert caught(index, texts, rows) >= 0.99
    match = index.nearest(texts[0])
    assert match is not None
    assert texts[0][match.start : match.end] == rows[0]


def test_other_texts_are_left_alone(index: EchoIndex) -> None:
    strangers = made_up_rows(1000, seed=5)
    assert not [text for text in strangers if (match := index.nearest(text)) and match.is_copy]


def test_eight_words_in_a_row_are_a_copy_and_seven_are_not(index: EchoIndex) -> None:
    row = next(row for row in ROWS if len(row.split()) == 30)
    fresh = [f"zz{number}" for number in range(12)]
    for length, is_copy in ((8, True), (7, False)):
        text = " ".join([*fresh[:6], *row.split()[10 : 10 + length], *fresh[6:]])
        match = index.nearest(text)
        assert match is not None
        assert (match.run_words, match.is_copy) == (length, is_copy)


def test_rows_keep_line_breaks_and_any_script(tmp_path: Path) -> None:
    rows = ["first line of it\nsecond line of it", "", "ありがとうございます、また明日", "نص عربي قصير جدا هنا", "x"]
    EchoIndex.build(rows, tmp_path / "echo")
    index = EchoIndex.open(tmp_path / "echo")
    assert [index.row(number) for number in range(5)] == rows
    for row in (rows[0], rows[2], rows[3]):
        match = index.nearest(row)
        assert match is not None
        assert match.row == row
        assert match.is_copy


def test_an_index_of_nothing_finds_nothing(tmp_path: Path) -> None:
    EchoIndex.build([], tmp_path / "echo")
    index = EchoIndex.open(tmp_path / "echo")
    assert index.nearest("anything at all") is None
    assert index.rows == 0


@pytest.mark.parametrize(
    "text", ["", "\0" * 50, "🙂🙃" * 20, "\u202eabc\u202c", "the " * 250_000, "\ud800 lone", "'’'’"]
)
def test_hostile_texts_get_an_answer(index: EchoIndex, text: str) -> None:
    match = index.nearest(text)
    assert match is None or not match.is_copy


@given(st.text(max_size=300))
@settings(max_examples=60, deadline=None)
def test_spans_lie_in_the_text(text: str) -> None:
    words = split(text)
    assert len(words.words) == len(words.spans)
    for start, end in words.spans:
        assert 0 <= start < end <= len(text)


def test_progress_is_told_and_a_half_built_index_is_cleared(tmp_path: Path) -> None:
    partial = tmp_path / ".echo.partial"
    partial.mkdir()
    (partial / "left").write_text("by a killed build")
    told: list[tuple[str, int]] = []
    EchoIndex.build(ROWS[:100], tmp_path / "echo", lambda what, done: told.append((what, done)))
    assert ("reading", 100) in told
    assert [path.name for path in tmp_path.iterdir()] == ["echo"]


def test_building_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        EchoIndex.build(ROWS[:300], tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_a_missing_index_says_so(tmp_path: Path) -> None:
    with pytest.raises(EchoNotFound, match="There is no echo index"):
        EchoIndex.open(tmp_path)


@pytest.mark.parametrize("name", ["rows.txt", "starts.npy", "buckets.npy", "posting_rows.npy", "posting_prints.npy"])
def test_damage_is_noticed_at_opening(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "echo"
    EchoIndex.build(ROWS[:100], folder)
    (folder / name).write_bytes((folder / name).read_bytes()[:-8])
    with pytest.raises(EchoBroken, match="build it again"):
        EchoIndex.open(folder)


@pytest.mark.parametrize("manifest", ["", "[]", '{"format": 99, "rows": 1, "postings": 1, "bits": 8}', '{"format": 1}'])
def test_a_strange_manifest_is_refused(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "echo.json").write_text(manifest)
    with pytest.raises(EchoBroken):
        EchoIndex.open(tmp_path)


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    import numpy as np

    folder = tmp_path / "echo"
    EchoIndex.build(ROWS[:10], folder)
    np.save(folder / "starts.npy", np.array([{"an": "object"}], dtype=object), allow_pickle=True)
    with pytest.raises(EchoBroken):
        EchoIndex.open(folder)


def test_runs_agree_with_a_plain_search() -> None:
    chance = random.Random(6)
    for _ in range(200):
        text, row = (tuple(chance.choices("abcd", k=chance.randint(0, 12))) for _ in range(2))
        parts = {text[a:b] for a in range(len(text)) for b in range(a + 1, len(text) + 1)}
        inside = [part for part in parts if any(row[at : at + len(part)] == part for at in range(len(row)))]
        assert longest_run(text, row)[0] == max(map(len, inside), default=0)
        for start, length in runs(text, row, 2):
            assert text[start : start + length] in inside


def test_copy_rate_counts_eight_word_sequences_and_copied_samples(index: EchoIndex) -> None:
    row = next(row for row in ROWS if len(row.split()) == 20)
    words = row.split()
    fresh = [f"zz{number}" for number in range(20)]
    half = " ".join([*words[:10], *fresh[:10]])  # three of thirteen 8-word sequences, half of the words
    rate = copy_rate([row, half, " ".join(fresh), ""], index)
    assert rate.samples == 3
    assert rate.ngram_share == pytest.approx((13 + 3) / 39)
    assert rate.copied_share == pytest.approx(1 / 3)
    assert (rate.worst[0].row, rate.worst[0].share) == (row, 1.0)
    assert rate.worst[1].share == pytest.approx(0.5)
    assert json.loads(json.dumps(rate.to_json()))["worst"][1]["span"] == " ".join(words[:10])
