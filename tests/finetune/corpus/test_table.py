"""CSV and TSV as people export them."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.corpus import ReadOptions
from finetune.corpus.clean import clean
from finetune.corpus.readers.table import sniff
from finetune.errors import EmptyCorpus, NoTextColumn
from tests.finetune.corpus.making import ALL, POSTS, drops, read_all, texts, write


def table(rows: list[list[str]], delimiter: str = ",") -> str:
    """The rows as `csv` writes them."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_every_delimiter_and_encoding(tmp_path: Path, delimiter: str, encoding: str) -> None:
    """The posts come out whatever separates them and however they are written down."""
    posts = [f"{post} Café “no. {number}”" for number, post in enumerate(POSTS)]
    rows = [["id", "text", "created_at"], *([str(n), post, "2024-05-01"] for n, post in enumerate(posts))]
    path = write(tmp_path / "posts.csv", table(rows, delimiter).encode(encoding))
    corpus = read_all(path)
    assert [row.text for row in corpus.rows] == posts
    assert corpus.sniffed[0].text_column == "text"
    assert corpus.rows[0].created_at is not None
    assert corpus.rows[3].source_id == "3"


def test_stray_bytes_in_utf8_are_read_as_windows_1252(tmp_path: Path) -> None:
    """One bad byte costs one character, not the file."""
    path = write(
        tmp_path / "a.csv", "text\nThe café was closé d today, again\n".encode().replace("é d".encode(), b"\xe9d")
    )
    assert texts(path) == ["The café was closéd today, again"]


def test_quoted_newlines_stay_inside_one_post(tmp_path: Path) -> None:
    """A cell over several lines is one post."""
    path = write(tmp_path / "haiku.csv", 'haiku,source\r\n"an old silent pond\r\na frog jumps in\r\nsplash",b\r\n')
    assert texts(path) == ["an old silent pond\na frog jumps in\nsplash"]


def test_ids_dates_handles_and_addresses_are_no_posts(tmp_path: Path) -> None:
    """The longest column is not the text when it is an address."""
    rows = [["a", "b", "c", "d", "e"]]
    for number, post in enumerate(POSTS * 3):
        link = f"https://example.org/a/very/long/address/that/is/longer/than/most/posts/{'x' * 80}/{number}"
        rows.append(
            [f"1234567890123{number:02}", f"2024-01-{number + 1:02}T10:00:00Z", f"@somebody{number}", post, link]
        )
    path = write(tmp_path / "posts.csv", table(rows))
    assert read_all(path).sniffed[0].text_column == "d"


@pytest.mark.parametrize("name", ["What's your confession?", "OriginalTweet", "full_text", "Joke", "selftext"])
def test_known_names_win(tmp_path: Path, name: str) -> None:
    """A column that goes by a known name is taken, even beside a longer one."""
    rows = [["notes", name], *([f"{post} {post} {number}", post] for number, post in enumerate(POSTS))]
    assert read_all(write(tmp_path / "posts.csv", table(rows))).sniffed[0].text_column == name


def test_a_file_without_a_header_loses_no_row(tmp_path: Path) -> None:
    """Without a header the first row is a post, too; a stray first line is dropped and counted."""
    rows = [[f"14213564588184289{n}", "Sat Jul 31 06:26:01 +0000 2021", post, "0"] for n, post in enumerate(POSTS)]
    path = write(tmp_path / "tweets.csv", "2\n" + table(rows))
    assert texts(path) == list(POSTS)
    assert [drop.reason for drop in drops(path)] == ["stray line"]


def test_a_one_column_file_of_quoted_poems(tmp_path: Path) -> None:
    """No header, one column, newlines in each cell."""
    path = write(tmp_path / "poems.csv", '"rectory roofers\ntheir ladders\n"\r\n"summer cabin\nthe ants do\n"\r\n')
    assert texts(path) == ["rectory roofers\ntheir ladders", "summer cabin\nthe ants do"]


def test_every_second_row_empty(tmp_path: Path) -> None:
    """Empty rows are counted, not learned."""
    rows = [["n", "text"]]
    for number, post in enumerate(POSTS):
        rows += [["", ""], [str(number), post]]
    path = write(tmp_path / "a.csv", table(rows))
    assert texts(path) == list(POSTS)
    assert [drop.reason for drop in drops(path)] == ["empty"] * 5


def test_a_missing_column_is_named_with_the_likely_one(tmp_path: Path) -> None:
    """A typo is answered with the columns that are there."""
    path = write(tmp_path / "jokes.csv", table([["ID", "Joke"], *([str(n), post] for n, post in enumerate(POSTS))]))
    with pytest.raises(NoTextColumn, match="it has 'ID', 'Joke'; you may mean 'Joke'") as caught:
        read_all(path, ReadOptions(text_column="Jok", least_characters=0))
    assert caught.value.columns == ("ID", "Joke")
    assert caught.value.likely == "Joke"
    assert texts(path, ReadOptions(text_column="joke", least_characters=0)) == list(POSTS)


def test_a_table_without_posts_lists_its_columns(tmp_path: Path) -> None:
    """Numbers and dates only: no column is taken."""
    path = write(tmp_path / "numbers.csv", table([["id", "when"], *([str(n), f"2024-01-0{n + 1}"] for n in range(5))]))
    with pytest.raises(NoTextColumn, match="it has 'id', 'when'"):
        read_all(path)


def test_an_empty_column_says_so(tmp_path: Path) -> None:
    """The column is there, and nothing is in it."""
    path = write(tmp_path / "a.csv", table([["id", "text"], *([str(n), ""] for n in range(9))]))
    with pytest.raises(EmptyCorpus, match=r"a\.csv \(posts in 'text'\) can be used: of 9 records, 9 'empty'"):
        read_all(path, ReadOptions(text_column="text", least_characters=0))


def test_a_header_alone_is_empty(tmp_path: Path) -> None:
    """A table with no row under its header."""
    with pytest.raises((EmptyCorpus, NoTextColumn)):
        read_all(write(tmp_path / "a.csv", "id,text\n"))


def test_a_stray_quote_costs_one_row(tmp_path: Path) -> None:
    """A quote nobody closes does not swallow the rest of the file."""
    lines = [f"{number},post number {number} about {post}" for number, post in enumerate(POSTS * 2)]
    broken = [*lines[:3], '99,"this cell is never closed', *lines[3:]]
    path = write(tmp_path / "a.csv", "\n".join(["id,text", *broken]) + "\n")
    corpus = read_all(path, ReadOptions(keep_near_duplicates=True, least_characters=0))
    assert len(corpus.rows) == 10
    assert corpus.drops["unreadable row"] == 1


def test_quotes_inside_quotes(tmp_path: Path) -> None:
    """Hand-made tables forget to double them; the row is kept as far as it can be told."""
    path = write(
        tmp_path / "a.csv", 'id,text\n1,"She said "never again" and meant it"\n2,"And then, of course, she did"\n'
    )
    found = texts(path)
    assert len(found) == 2
    assert found[1] == "And then, of course, she did"


def test_many_stray_quotes_stay_linear(tmp_path: Path) -> None:
    """After some stray quotes they mean nothing any more: 30,000 such rows read in seconds."""
    body = "".join(f'{number},"the {number}th row opens a quote and leaves it open\n' for number in range(30_001))
    corpus = read_all(write(tmp_path / "a.csv", "id,text\n" + body), ReadOptions(keep_near_duplicates=True))
    assert len(corpus.rows) > 29_000


def test_tabs_with_quotes_as_plain_characters(tmp_path: Path) -> None:
    """In many TSV files a quote is only a quote."""
    body = "".join(f'{n}\t"Well," she said, {post}\n' for n, post in enumerate(POSTS))
    assert texts(write(tmp_path / "a.tsv", "id\ttext\n" + body)) == [f'"Well," she said, {post}' for post in POSTS]


def test_one_cell_of_a_megabyte(tmp_path: Path) -> None:
    """It is too long for a post, and it breaks nothing."""
    path = write(tmp_path / "a.csv", table([["text"], ["x" * 1_000_000], *([post] for post in POSTS)]))
    assert texts(path) == list(POSTS)
    assert drops(path)[0].reason == "too long"
    assert len(drops(path)[0].text) == 2000


def test_nul_bytes(tmp_path: Path) -> None:
    """A NUL in a cell is taken out."""
    assert texts(write(tmp_path / "a.csv", "id,text\n1,I have\0 nothing to hide at all\n")) == [
        "I have nothing to hide at all"
    ]


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from(',;\t|"\n'), min_size=1, max_size=40)


@given(st.lists(CELL.filter(str.strip), min_size=1, max_size=20), st.sampled_from([",", ";", "\t", "|"]))
def test_what_csv_writes_we_read(posts: list[str], delimiter: str) -> None:
    """Round trip through the standard library's writer, by a column named text."""
    from finetune.corpus.readers.base import Input
    from finetune.corpus.readers.table import read
    from finetune.corpus.row import Row

    data = table([["id", "text", "lang"], *([str(n), post, "en"] for n, post in enumerate(posts))], delimiter).encode()
    shape = sniff(data, "utf-8", delimiter)
    source = Input("a.csv", lambda: io.BytesIO(data), ALL, lambda note: None)
    records = list(read(source, shape, 1))
    assert [record.text for record in records if isinstance(record, Row)] == posts


@given(st.text(max_size=300))
def test_cleaning_never_fails_and_leaves_no_trace_of_controls(text: str) -> None:
    """Whatever comes in, what goes out has no controls, no double blanks, no edges."""
    found = clean(text, ALL)
    assert found == found.strip()
    assert "  " not in found
    assert not any(ord(character) < 32 and character != "\n" for character in found)
