"""The gate's benchmark examines on rows that nothing learned from, and says so when there is no pool."""

from pathlib import Path

from benchmarks.gate import read_exam
from moderation.normalise import normalise
from moderation.training.clean import held_back
from tests.moderation.tiny_pool import write_pool


def test_without_a_pool_there_is_no_exam(tmp_path: Path) -> None:
    assert read_exam(tmp_path, 10) is None


def test_the_examined_rows_are_those_that_training_holds_back(tmp_path: Path) -> None:
    exam = read_exam(write_pool(tmp_path / "pool"), 50)
    assert exam is not None
    assert exam.texts
    assert not set(exam.texts) & set(exam.learn_texts)
    assert held_back([normalise(text).text.split() for text in exam.texts]).all()
    assert not held_back([normalise(text).text.split() for text in exam.learn_texts]).any()
    assert len(exam.toxic) == len(exam.texts)
