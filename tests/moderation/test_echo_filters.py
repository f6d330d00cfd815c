"""The two filters that look for repetition: of the corpus, and of the bot itself."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from moderation.context import Context
from moderation.echo import EchoIndex
from moderation.filters.base import Filter
from moderation.filters.echo import EchoFilter
from moderation.filters.repeat import RepeatFilter
from moderation.normalise import normalise

ROW = "I told my dentist that I floss every day and we both laughed until it was time to leave."
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


def test_a_copied_row_is_found_and_shown(tmp_path: Path) -> None:
    EchoIndex.build([ROW, "Another row about something else entirely."], tmp_path / "echo")
    judge: Filter = EchoFilter(EchoIndex.open(tmp_path / "echo"))
    text = f"So. {ROW[:-1]}, honest!"
    [finding] = judge.judge(normalise(text), Context())
    assert finding.filter == "echo"
    assert finding.span is not None
    assert text[finding.span.start : finding.span.end] == ROW[:-1]
    assert finding.score == 1.0
    assert ROW in finding.reason
    assert not judge.judge(normalise("I floss every day."), Context())


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> datetime:
        return self.time


def test_the_bot_does_not_repeat_itself_within_the_window() -> None:
    clock = Clock()
    judge = RepeatFilter(clock, days=7)
    judge.remember(ROW, NOW)
    judge.remember("The oven is on.", NOW - timedelta(days=8))
    near = ROW.replace("dentist", "dentst").replace("laughed", "lauhed")
    [finding] = judge.judge(normalise(near), Context())
    assert finding.filter == "repeat"
    assert "earlier post" in finding.reason
    assert not judge.judge(normalise("The oven is on."), Context())
    clock.time = NOW + timedelta(days=8)
    assert not judge.judge(normalise(near), Context())
    assert not judge._postings


def test_short_posts_and_empty_ones() -> None:
    judge = RepeatFilter(lambda: NOW)
    for post in ("", "!!!", "I ate the whole cake."):
        judge.remember(post, NOW)
    assert judge.judge(normalise("I aet the whole cak"), Context())
    assert not judge.judge(normalise("I saw the whole game."), Context())
    assert not judge.judge(normalise("!!!"), Context())
