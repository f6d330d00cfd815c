"""Cleaning, repeats, the spool and the split."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.corpus import ReadOptions, Row, split
from finetune.corpus.clean import clean
from finetune.corpus.duplicates import Duplicates, jaccard, key_text, shingle_set
from finetune.corpus.row import shortened
from finetune.corpus.spool import Spool
from finetune.errors import BadOption, TooLittleText
from tests.finetune.corpus.making import ALL, POSTS, drops, read_all, texts, write

KEEP = ReadOptions(keep_urls=True, keep_mentions=True, least_characters=0)


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ("Fish &amp; chips &lt;3 &#8217;", "Fish & chips <3 ’"),
        ("@bob @ann.b: hello there https://t.co/abc", "hello there"),
        ("hello @bob, see www.example.org/x?y=1 now", "hello @bob, see now"),
        ("itâ€™s fine, cafÃ© too", "it’s fine, café too"),
        ("Cafe\u0301", "Café"),
        ("a \t b\r\n\r\n\r\n\r\nc\u00a0d", "a b\n\nc d"),
        ("nul\0 bell\x07 bom\ufeff lost\ufffd", "nul bell bom lost"),
        ("one<|endoftext|>two", "one two"),
        ("“quoted” — ‘so’… 👩‍👩‍👧", "“quoted” — ‘so’… 👩‍👩‍👧"),
        ("and/or, 3/4, w/o", "and/or, 3/4, w/o"),
        ("not an entity: AT&T; &nosuch;", "not an entity: AT&T; &nosuch;"),
    ],
)
def test_cleaning(raw: str, wanted: str) -> None:
    """What goes and what stays."""
    assert clean(raw, ALL) == wanted


def test_addresses_and_mentions_can_stay() -> None:
    """Both are options."""
    text = "@bob look: https://example.org/a"
    assert clean(text, KEEP) == text


def test_short_long_and_wordless_rows(tmp_path: Path) -> None:
    """Each is dropped for its own reason."""
    path = write(tmp_path / "a.txt", f"{POSTS[0]}\nshort\n{'long ' * 300}\n!!! ??? ... !!! ???\n")
    assert texts(path) == [POSTS[0]]
    assert [drop.reason for drop in drops(path)] == ["too short", "too long", "no words"]
    assert [drop.number for drop in drops(path)] == [2, 3, 4]


def test_languages(tmp_path: Path) -> None:
    """French goes when English is asked for; a short post stays, because guesses on it are coins."""
    pytest.importorskip("py3langid")
    french = "J'ai dit au dentiste que je me brosse les dents trois fois par jour, il n'en croit rien."
    path = write(tmp_path / "a.txt", "\n".join([*POSTS, french, "bof, tant pis"]))
    options = ReadOptions(languages=("en",), least_characters=0)
    assert texts(path, options) == [*POSTS, "bof, tant pis"]
    assert [drop.reason for drop in drops(path, options)] == ["another language"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shortest": 50, "longest": 20}, "swap them"),
        ({"shortest": 0}, "1 or more"),
        ({"near": 0.2}, "between 0.5"),
        ({"format": "cvs"}, "choose one of csv"),
        ({"encoding": "utf-9"}, "knows no encoding"),
        ({"languages": ("English",)}, "two letters"),
    ],
)
def test_options_are_checked_before_a_byte_is_read(options: dict[str, object], message: str) -> None:
    """Each mistake has its sentence."""
    with pytest.raises(BadOption, match=message):
        ReadOptions(**options)  # type: ignore[arg-type]


def test_a_small_corpus_is_refused_and_a_smallish_one_warned_of(tmp_path: Path) -> None:
    """Under 6,000 characters no; under 40,000 a warning."""
    path = write(tmp_path / "a.txt", "\n".join(POSTS))
    with pytest.raises(TooLittleText, match="at least 6,000"):
        read_all(path, ReadOptions())
    path = write(
        tmp_path / "b.txt", "".join(f"Post {n * 7919} says that {n**7 * 7919 % 10**12} things\n" for n in range(200))
    )
    assert "recites" in read_all(path, ReadOptions(keep_near_duplicates=True)).warnings[0]


# --- repeats -----------------------------------------------------------------


def found(posts: list[str], near: float | None = 0.8) -> list[tuple[int, int, str]]:
    """What :class:`Duplicates` says of some posts."""
    duplicates = Duplicates(near=near)
    for post in posts:
        duplicates.add(post)
    return sorted(duplicates.find([Row(text=post) for post in posts]))


def test_repeats_up_to_case_and_punctuation_are_exact() -> None:
    """The first is kept; the same words in other dress are the same."""
    assert found([POSTS[0], POSTS[1], POSTS[0].upper() + "!!"]) == [(2, 0, "duplicate")]


def test_near_repeats_are_found_and_strangers_are_not() -> None:
    """One word changed in a long post is near; another post is not."""
    near = POSTS[3].replace("today ", "")
    assert found([*POSTS, near]) == [(5, 3, "near duplicate")]
    assert found([*POSTS, near], near=None) == []


@given(st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=30))
def test_whatever_is_dropped_has_a_kept_row_like_it(posts: list[str]) -> None:
    """Exact: same key. Near: at least as similar as asked. The row it repeats is itself kept at that time."""
    dropped: dict[int, tuple[int, str]] = {place: (leader, kind) for place, leader, kind in found(posts)}
    for place, (leader, kind) in dropped.items():
        one, other = key_text(posts[place]), key_text(posts[leader])
        assert leader < place
        assert one == other if kind == "duplicate" else jaccard(shingle_set(one), shingle_set(other)) >= 0.8
    keys = [key_text(post) for place, post in enumerate(posts) if place not in dropped]
    assert len(set(keys)) == len(keys)


def test_minhash_finds_nearly_all_that_are_near() -> None:
    """Of 300 posts with one letter changed, at least 97 % are found."""
    posts = [f"{POSTS[n % 5]} And {n * 7919} more {n * 104729} words {n * 1299709} to tell {n**5}" for n in range(300)]
    changed = [post[:40] + "~" + post[41:] for post in posts]
    close = [
        jaccard(shingle_set(key_text(a)), shingle_set(key_text(b))) >= 0.8 for a, b in zip(posts, changed, strict=True)
    ]
    assert len(found(posts + changed)) - len(found(posts)) >= 0.97 * sum(close)


# --- spool and split ---------------------------------------------------------


def test_rows_come_back_as_they_went_in() -> None:
    """Every field, in any order, between writes, sliced and iterated."""
    spool = Spool()
    rows = [
        Row(post, datetime(2024, 1, n + 1, tzinfo=UTC), "ada", "a.csv", str(n), "en", "unlisted", "7", n, "topic")
        for n, post in enumerate(POSTS)
    ]
    for number, row in enumerate(rows):
        spool.append(row)
        assert spool[number // 2] == rows[number // 2]
    assert list(spool) == rows
    assert list(spool[1:4][::2]) == [rows[1], rows[3]]
    assert spool[-1] == rows[-1]
    with pytest.raises(IndexError):
        spool[5]


def test_split_depends_on_seed_and_text_alone() -> None:
    """The same rows in another order hold out the same posts; another seed holds out others; nothing is in both."""
    rows = [Row(f"post number {n} of this corpus") for n in range(200)]
    train, held = split(rows, 1)
    assert (len(train), len(held)) == (180, 20)
    assert {row.text for row in train}.isdisjoint(row.text for row in held)
    assert {row.text for row in split(rows[::-1], 1)[1]} == {row.text for row in held}
    assert {row.text for row in split(rows, 2)[1]} != {row.text for row in held}
    assert [row.text for row in train] == [row.text for row in rows if row.text in {each.text for each in train}]
    assert len(split(rows, 1, most=5)[1]) == 5
    assert len(split(rows[:1], 1)[1]) == 0


@given(st.text(max_size=400), st.integers(2, 200))
def test_a_shortened_post_is_one_line_and_says_that_it_goes_on(text: str, most: int) -> None:
    line = shortened(text, most)
    assert len(line) <= most and "\n" not in line
    assert line == text.replace("\n", " ⏎ ") or (line.endswith("…") and len(line) == most)
