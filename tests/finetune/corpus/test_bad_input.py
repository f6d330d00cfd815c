"""Input nobody wishes to have: each is read, or refused in one sentence that helps."""

import hashlib
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.corpus import ReadOptions, read
from finetune.errors import CorpusError, EmptyCorpus, TooLittleText, UnreadableCorpus
from tests.finetune.corpus.making import ALL, POSTS, read_all, texts, write

ROWS = "".join(f'{n},"{post}"\n' for n, post in enumerate(POSTS))


def refusal(path: Path, options: ReadOptions = ALL) -> str:
    """The sentence that says why a path gives no corpus."""
    with pytest.raises(CorpusError) as caught:
        read([path], options)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence
    return sentence


def test_a_first_row_of_a_megabyte_hides_nothing(tmp_path: Path) -> None:
    """It is longer than what is looked at first; the column is known by its name, and the row itself left out."""
    path = write(tmp_path / "a.csv", f"id,text\n0,{'word ' * 200_000}\n{ROWS}")
    corpus = read_all(path)
    assert [row.text for row in corpus.rows] == list(POSTS)
    assert corpus.drops == {"too long": 1}


@pytest.mark.parametrize("cell", ["", "   "])
def test_an_empty_column_is_named(cell: str, tmp_path: Path) -> None:
    """With what to do about it."""
    said = refusal(write(tmp_path / "a.csv", "id,text\n" + f"7,{cell}\n" * 500))
    assert "(posts in 'text')" in said and "500 'empty'" in said and "--text-column" in said


def test_a_header_and_nothing_else(tmp_path: Path) -> None:
    """No posts, rather than no column."""
    assert "holds no posts at all" in refusal(write(tmp_path / "a.csv", "id,text\n"))


def test_identical_rows_are_one(tmp_path: Path) -> None:
    """The refusal says where the rest went."""
    path = write(tmp_path / "a.csv", "id,text\n" + "".join(f'{n},"{POSTS[0]}"\n' for n in range(20_000)))
    with pytest.raises(TooLittleText, match=r"It kept 1 of 20,000 rows \(19,999 duplicate\)"):
        read([path])


@pytest.mark.parametrize(
    "post",
    [
        "אני מתוודה שאכלתי את העוגה של השכן, ואיש אינו יודע על כך עד היום.",
        "أعترف أنني أكلت كعكة الجيران ولم أخبر أحدا بذلك حتى اليوم.",
        "The whole family 👨‍👩‍👧‍👦 is on the roof 🏳️‍🌈 and so is the astronaut 👩🏽‍🚀 of 🇩🇪.",
    ],
)
def test_right_to_left_text_and_emoji_families_stay_whole(post: str, tmp_path: Path) -> None:
    """Joiners, variation selectors, skin tones and flags included."""
    assert texts(write(tmp_path / "a.csv", f'id,text\n{ROWS}9,"{post}"\n')) == [*POSTS, post]


def test_nul_bytes_go_and_the_posts_stay(tmp_path: Path) -> None:
    """Inside the cells of a table."""
    assert texts(write(tmp_path / "a.csv", "id,text\n" + ROWS.replace(" ", " \0"))) == list(POSTS)


@given(st.binary(min_size=64, max_size=64), st.sampled_from(["a.txt", "a.csv", "a.json", "a"]), st.booleans())
def test_noise_does_not_look_like_text(key: bytes, name: str, forced: bool) -> None:
    """Whatever it is called, also when a format is named; rather than a remark on how little text was in it."""
    noise = b"\xa0" + b"".join(hashlib.sha512(key + bytes([block])).digest() for block in range(64))
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / name, noise)
        said = refusal(path, replace(ALL, format="lines") if forced else ALL)
    assert said == f"{name} does not look like text; export the posts as CSV, JSON or plain text."


def test_a_stray_control_character_does_not_make_it_noise(tmp_path: Path) -> None:
    """A bell here and there, colours of a terminal, NULs of a database."""
    odd = [post.replace(" ", end, 1) for post, end in zip(POSTS, ("\a", " \x1b[1m", "\0 ", "\f", " \x7f"), strict=True)]
    assert len(read_all(write(tmp_path / "a.txt", "\n".join(odd))).rows) == len(POSTS)


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("layout", ["lines", "jsonl"])
def test_utf_16_with_its_mark_is_text(codec: str, layout: str, tmp_path: Path) -> None:
    """Every other byte of it is a control character."""
    lines = POSTS if layout == "lines" else [json.dumps({"text": post}, ensure_ascii=False) for post in POSTS]
    whole = "\n".join([*lines, ""])
    data = ("\ufeff" + whole).encode(codec) if codec.endswith("be") else whole.encode(codec)
    assert texts(write(tmp_path / f"a.{layout}", data)) == list(POSTS)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    """A corpus is read more than once, for its hash, its shape and its rows; a pipe cannot be."""
    os.mkfifo(tmp_path / "posts.csv")
    with pytest.raises(UnreadableCorpus, match="is no file: save what comes out of it"):
        read_all(tmp_path / "posts.csv")


def test_json_without_posts_is_not_called_damaged(tmp_path: Path) -> None:
    """Numbers are sound JSON."""
    assert "neither texts nor records" in refusal(write(tmp_path / "a.json", json.dumps(list(range(50)))))
    assert "is damaged" in refusal(write(tmp_path / "b.json", "[" * 100_000))


def test_emoji_alone_are_no_posts(tmp_path: Path) -> None:
    """Nothing to learn words from."""
    with pytest.raises(EmptyCorpus, match="'no words'"):
        read_all(write(tmp_path / "a.csv", "id,text\n" + '1,"👨‍👩‍👧‍👦🏳️‍🌈👩🏽‍🚀🇩🇪😀👨‍👩‍👧‍👦🏳️‍🌈"\n' * 30))
