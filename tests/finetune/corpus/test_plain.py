"""Plain text, JSON and Parquet: the layouts, told apart."""

import json
from pathlib import Path

import pytest

from finetune.corpus import ReadOptions
from finetune.errors import CorpusError, EmptyCorpus, UnreadableCorpus
from tests.finetune.corpus.making import ALL, POSTS, drops, read_all, texts, write, write_json, write_lines

NEAR = ReadOptions(keep_near_duplicates=True, least_characters=0)


def test_a_post_a_line_with_blank_lines_between(tmp_path: Path) -> None:
    """Blank lines between single lines do not make blocks of them."""
    path = write(tmp_path / "a.txt", "\r\n\r\n".join(POSTS))
    assert texts(path) == list(POSTS)
    assert read_all(path).sniffed[0].format == "lines"


def test_blocks_between_blank_lines(tmp_path: Path) -> None:
    """Poems of several lines stay whole."""
    poems = [f"first line of poem {n}\nsecond line, a little longer\nthird" for n in range(9)]
    path = write(tmp_path / "poems.txt", "\n\n".join(poems))
    assert texts(path, ReadOptions(keep_near_duplicates=True, least_characters=0)) == poems
    assert read_all(path).sniffed[0].format == "blocks"


def test_fortune_records(tmp_path: Path) -> None:
    """Lines with a single % separate records that may span lines."""
    path = write(tmp_path / "fortunes", "\n%\n".join(["Neckties strangle clear thinking.\n    -- Lin Yutang", *POSTS]))
    assert texts(path)[0] == "Neckties strangle clear thinking.\n-- Lin Yutang"
    assert read_all(path).sniffed[0].format == "fortunes"


@pytest.mark.parametrize(
    "content",
    [
        "<|endoftext|>".join(POSTS),
        "".join(f"<|startoftext|>{post}<|endoftext|>\n" for post in POSTS),
        "".join(f"<|soss r/stories|><|sot|>{post}<|eoss|>\n" for post in POSTS),
        "".join(f"<|sor u/someone|>{post}<|eor|>" for post in POSTS),
    ],
)
def test_marks_of_other_tuners_are_taken_off(tmp_path: Path, content: str) -> None:
    """gpt-2-simple's and ssi-bot's marks end posts and are not learned."""
    path = write(tmp_path / "a.txt", content)
    assert texts(path) == list(POSTS)
    assert read_all(path).sniffed[0].format == "marks"


def test_a_mark_inside_a_cell_is_not_learned(tmp_path: Path) -> None:
    """An end-of-text mark in a post would teach the model to end there."""
    assert texts(write(tmp_path / "a.csv", "id,text\n1,the end<|endoftext|> is not the end\n")) == [
        "the end is not the end"
    ]


@pytest.mark.parametrize(
    ("record", "topic"),
    [
        (lambda post: {"id": 1, "text": post, "lang": "en"}, None),
        (lambda post: {"prompt": "Confess something", "completion": post}, "Confess something"),
        (
            lambda post: {"messages": [{"role": "user", "content": "Go on"}, {"role": "assistant", "content": post}]},
            "Go on",
        ),
        (lambda post: {"conversations": [{"from": "human", "value": "And?"}, {"from": "gpt", "value": post}]}, "And?"),
        (lambda post: {"instruction": "Write a post", "input": "", "output": post}, "Write a post"),
        (lambda post: {"data": {"body": post, "score": 3}}, None),
    ],
    ids=["text", "prompt", "messages", "conversations", "alpaca", "nested"],
)
@pytest.mark.parametrize("kind", ["json", "jsonl", "wrapped"])
def test_json_shapes(tmp_path: Path, record: object, topic: str | None, kind: str) -> None:
    """One record a post, in a list, in a list under a key, or a line each."""
    assert callable(record)
    records = [record(post) for post in POSTS]
    path = tmp_path / f"a.{'jsonl' if kind == 'jsonl' else 'json'}"
    if kind == "jsonl":
        write_lines(path, records)
    else:
        write_json(path, records if kind == "json" else {"version": 1, "items": records})
    rows = read_all(path).rows
    assert [row.text for row in rows] == list(POSTS)
    assert {row.topic for row in rows} == {topic}


def test_json_of_bare_strings_and_of_columns(tmp_path: Path) -> None:
    """A list of texts, and the column-wise JSON that pandas writes."""
    assert texts(write_json(tmp_path / "a.json", list(POSTS))) == list(POSTS)
    columns = {"n": {str(n): n for n in range(5)}, "text": {str(n): post for n, post in enumerate(POSTS)}}
    assert texts(write_json(tmp_path / "b.json", columns)) == list(POSTS)


def test_json_cut_off_gives_what_stands_before(tmp_path: Path) -> None:
    """Four posts are whole; the person is told that the file is damaged."""
    whole = json.dumps([{"text": post} for post in POSTS])
    path = write(tmp_path / "a.json", whole[:-30])
    assert texts(path) == list(POSTS[:4])
    assert "what stands before was read" in read_all(path).sniffed[0].notes[0]


def test_a_broken_line_costs_one_row(tmp_path: Path) -> None:
    """JSON lines are read line by line."""
    lines = [json.dumps({"text": post}) for post in POSTS]
    path = write(tmp_path / "a.jsonl", "\n".join([*lines[:2], '{"text": "cut of', *lines[2:]]))
    assert texts(path) == list(POSTS)
    assert [drop.reason for drop in drops(path)] == ["unreadable row"]


@pytest.mark.parametrize("kind", ["json", "jsonl"])
def test_deep_json_is_refused(tmp_path: Path, kind: str) -> None:
    """A hundred thousand brackets end in a sentence, not in a crash."""
    deep = '{"text": ' + "[" * 100_000 + "]" * 100_000 + "}"
    good = json.dumps({"text": POSTS[0]})
    content = f"{good}\n{deep}\n" if kind == "jsonl" else f"[{good}, {deep}]"
    path = write(tmp_path / f"a.{kind}", content)
    assert texts(path) == [POSTS[0]]


def test_a_huge_number_is_refused(tmp_path: Path) -> None:
    """Python will not turn 5,000 digits into a number; the row is lost, the file is not."""
    path = write(tmp_path / "a.jsonl", f'{{"text": {json.dumps(POSTS[0])}}}\n{{"text": "x", "id": {"9" * 5000}}}\n')
    assert texts(path) == [POSTS[0]]


def test_parquet(tmp_path: Path) -> None:
    """Columns by name; a damaged file is refused in one sentence."""
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"id": range(5), "text": POSTS, "picture": [b"\0" * 50] * 5}), path)
    assert texts(path) == list(POSTS)
    assert read_all(path).sniffed[0].text_column == "text"
    broken = write(tmp_path / "b.parquet", path.read_bytes()[:-40])
    with pytest.raises(UnreadableCorpus, match=r"b\.parquet is a damaged Parquet file"):
        read_all(broken)


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.pdf", b"%PDF-1.7\n", "a PDF"),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0", "a picture"),
        ("a.db", b"SQLite format 3\0", "a database"),
        ("a.bin", b"\x01\0\0\0" * 99, "does not look like text"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, name: str, head: bytes, kind: str) -> None:
    """The sentence says what the file is."""
    with pytest.raises(UnreadableCorpus, match=kind):
        read_all(write(tmp_path / name, head + b"\0" * 300))


def test_a_100_000_fold_row(tmp_path: Path) -> None:
    """One row is left; 99,999 are counted as duplicates."""
    corpus = read_all(write(tmp_path / "a.txt", f"{POSTS[0]}\n" * 100_000))
    assert len(corpus.rows) == 1
    assert corpus.drops == {"duplicate": 99_999}


@pytest.mark.parametrize(
    "text",
    [
        "שלחתי לבוס שלי הודעה שהתכוונתי לשלוח לאמא שלי, והוא ענה באהבה",
        "أخبرت طبيب الأسنان أنني أنظف أسناني كل يوم وهو يعرف الحقيقة",
        "The whole family 👨‍👩‍👧‍👦 came, 🏳️‍🌈 and all, with a “cake” ✨",
        "I said “it’s fine” — it wasn’t… 🤷🏽‍♀️",
        "我告诉老板我病了,其实我在海边晒太阳,他也在那里",
    ],
)
@pytest.mark.parametrize("ending", ["txt", "csv", "jsonl"])
def test_scripts_emoji_and_quotes_stay(tmp_path: Path, text: str, ending: str) -> None:
    """Joiners, skin tones, curly quotes and right-to-left letters are kept as they are."""
    content = {"txt": text, "csv": f'id,text\n1,"{text}"', "jsonl": json.dumps({"text": text}, ensure_ascii=False)}
    assert texts(write(tmp_path / f"a.{ending}", content[ending])) == [text]


@pytest.mark.parametrize(
    "content", [b"", b"\n\n\n", b"\xef\xbb\xbf", b"\xff\xfe", b"[]", b"{}", b"\0", b'"', b"<|endoftext|>"]
)
@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.json", "a"])
def test_next_to_nothing(tmp_path: Path, content: bytes, name: str) -> None:
    """A file with nothing in it ends in a sentence that names it."""
    with pytest.raises(CorpusError, match="a"):
        read_all(write(tmp_path / name, content))


def test_utf16_without_a_mark(tmp_path: Path) -> None:
    """Notepad's "Unicode", with the byte-order mark lost."""
    assert texts(write(tmp_path / "a.txt", "\n".join(POSTS).encode("utf-16-le"))) == list(POSTS)


@pytest.mark.parametrize(
    ("codec", "post"),
    [
        ("cp1251", "Я сказал зубному врачу, что чищу зубы нитью, а он сказал, что верит в фей."),
        ("cp1253", "Είπα στον οδοντίατρο ότι χρησιμοποιώ νήμα κάθε μέρα και γέλασε πολύ."),
    ],
)
def test_old_codecs_of_other_scripts(tmp_path: Path, codec: str, post: str) -> None:
    """Neither UTF-8 nor Windows-1252: the letters tell."""
    assert (
        texts(write(tmp_path / "a.txt", "\n".join([f"{post} {n}" for n in range(30)]).encode(codec)), NEAR)[0]
        == f"{post} 0"
    )


def test_a_named_encoding_is_obeyed(tmp_path: Path) -> None:
    """What cannot be guessed can be said."""
    post = "歯医者に毎日フロスをしていると言ったら、彼は妖精も信じていると答えました。"
    path = write(tmp_path / "a.txt", post.encode("shift_jis"))
    assert texts(path, ReadOptions(encoding="shift_jis", least_characters=0)) == [post]


def test_a_line_beyond_the_limit_is_cut_and_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its first characters are ever in memory (the limit is made small here)."""
    monkeypatch.setattr("finetune.corpus.encoding.LONGEST_LINE", 10_000)
    path = write(tmp_path / "a.txt", f"{POSTS[0]}\n{'x' * 300_000}\n{POSTS[1]}\n")
    assert texts(path) == list(POSTS[:2])
    assert [drop.reason for drop in drops(path)] == ["too long"]


def test_a_named_format_is_obeyed(tmp_path: Path) -> None:
    """What is sniffed can be overruled."""
    path = write(tmp_path / "a.csv", "\n".join(POSTS))
    assert texts(path, ReadOptions(format="lines", least_characters=0)) == list(POSTS)
    blocks = ReadOptions(format="blocks", least_characters=0)
    assert texts(path, blocks) == ["\n".join(POSTS)]


def test_only_blank_cells(tmp_path: Path) -> None:
    """JSON records whose text is empty."""
    with pytest.raises((EmptyCorpus, CorpusError)):
        read_all(write_lines(tmp_path / "a.jsonl", [{"text": ""}] * 3), ALL)
