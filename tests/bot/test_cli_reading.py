"""The options of reading, as ``confess corpus check`` and ``confess finetune`` share them."""

import inspect
from typing import Any

import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from bot.cli.corpus import check
from bot.cli.finetune import finetune
from bot.cli.reading import Paths, reads_posts
from finetune.corpus import ReadOptions
from finetune.corpus.options import FORMATS

app = typer.Typer()
seen: list[ReadOptions] = []


@app.command()
@reads_posts
def look(paths: Paths, *, options: ReadOptions) -> None:
    """Remember what was asked for."""
    seen.append(options)


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
choices: dict[str, Any] = {
    "format": st.none() | st.sampled_from(FORMATS),
    "text_column": st.none() | words,
    "encoding": st.none() | st.sampled_from(["cp1252", "utf-8"]),
    "keep_urls": st.booleans(),
    "keep_mentions": st.booleans(),
    "keep_replies": st.booleans(),
    "keep_near_duplicates": st.booleans(),
    "shortest": st.integers(1, 50),
    "longest": st.integers(50, 5000),
    "languages": st.lists(st.sampled_from(["de", "en", "fr"]), unique=True).map(sorted).map(tuple),
    "authors": st.lists(words, unique=True, max_size=3).map(sorted).map(tuple),
    "scrub": st.lists(st.sampled_from(["email", "phone"]), unique=True).map(sorted).map(tuple),
    "drop": st.lists(st.sampled_from(["slur", "insult"]), unique=True).map(sorted).map(tuple),
}


@settings(max_examples=30)
@given(st.builds(ReadOptions, **choices))
def test_every_option_has_a_flag_and_comes_back_from_it(options: ReadOptions) -> None:
    """What the report says to type, and what a resumed run is compared by, is what the command line reads."""
    typed = [f"{flag}={value}" for flag, values in options.flags().items() for value in values]
    switches = [flag for flag, values in options.flags().items() if not values]
    done = CliRunner().invoke(app, ["posts.csv", *typed, *switches])
    assert done.exit_code == 0, done.output
    assert seen.pop() == options


def test_checking_and_training_read_alike() -> None:
    """Every option of the one is an option of the other, with the same default."""
    shared = inspect.signature(look).parameters
    for command in (check, finetune):
        theirs = inspect.signature(command).parameters
        assert all(theirs[name].annotation == each.annotation for name, each in shared.items() if name != "paths")
        assert all(theirs[name].default == each.default for name, each in shared.items() if name != "paths")
