"""Packed files, and files made to hurt."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from finetune.corpus import Progress, ReadOptions, read
from finetune.errors import CorpusError, NoSuchCorpus, UnreadableCorpus
from tests.finetune.corpus.making import ALL, POSTS, read_all, texts, write, write_zip, zeros_gz

BODY = ("id,text\n" + "".join(f'{n},"{post}"\n' for n, post in enumerate(POSTS))).encode()


def packed(kind: str, body: bytes = BODY) -> bytes:
    """The same table, packed."""
    if kind == "zst":
        zstandard = pytest.importorskip("zstandard")
        return bytes(zstandard.ZstdCompressor().compress(body))
    if kind == "gz":
        return gzip.compress(body)
    if kind == "tar":
        with io.BytesIO() as file, tarfile.open(fileobj=file, mode="w") as archive:
            about = tarfile.TarInfo("a.csv")
            about.size = len(body)
            archive.addfile(about, io.BytesIO(body))
            return file.getvalue()
    return bz2.compress(body, 1) if kind == "bz2" else lzma.compress(body)


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst"])
def test_compressed_files(tmp_path: Path, kind: str) -> None:
    """The extension does not matter; the first bytes do."""
    assert texts(write(tmp_path / f"a.csv.{kind}", packed(kind))) == list(POSTS)
    assert texts(write(tmp_path / "a.csv", packed(kind))) == list(POSTS)


def test_an_archive_in_an_archive(tmp_path: Path) -> None:
    """A zip with a gzipped table and a zip with another; deeper than three is refused."""
    inner = write_zip(tmp_path / "inner.zip", {"b.txt": "Something else altogether, said at length."}).read_bytes()
    path = write_zip(tmp_path / "outer.zip", {"a.csv.gz": gzip.compress(BODY), "inner.zip": inner})
    assert len(texts(path)) == 6
    data = BODY
    for _ in range(4):
        data = gzip.compress(data)
    with pytest.raises(UnreadableCorpus, match="packed more than 3 times"):
        read_all(write(tmp_path / "deep.gz", data))


def test_names_that_lead_outside_are_left_out(tmp_path: Path) -> None:
    """A file called ../../x is never read, nothing is written anywhere, and the person is told."""
    files = {
        "../../etc/evil.txt": "I should never be read by anyone.",
        "/abs.txt": "Nor should this be.",
        "ok.csv": BODY,
    }
    path = write_zip(tmp_path / "a.zip", files)
    assert texts(path) == list(POSTS)
    assert "names a file outside itself" in read_all(path).sniffed[0].notes[0]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.zip"]


def test_tar_links_and_devices_are_left_out(tmp_path: Path) -> None:
    """Only plain files of a tar archive are read."""
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        info = tarfile.TarInfo("a.csv")
        info.size = len(BODY)
        archive.addfile(info, io.BytesIO(BODY))
    assert texts(path) == list(POSTS)


def test_links_out_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    """A link in a corpus folder cannot bring in a file from elsewhere."""
    secret = write(tmp_path / "secret.txt", "This lies outside of the folder.")
    write(tmp_path / "corpus" / "a.csv", BODY)
    (tmp_path / "corpus" / "b.txt").symlink_to(secret)
    assert texts(tmp_path / "corpus") == list(POSTS)


@pytest.mark.parametrize("inside", ["gz", "zip", "several"])
def test_bombs_are_stopped(tmp_path: Path, inside: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that unpacks to a thousand times its size is refused (the free allowance is made small here)."""
    monkeypatch.setattr("finetune.corpus.sources.FREE_BYTES", 4 << 20)
    data = zeros_gz(32 << 20)
    if inside == "zip":
        write_zip(tmp_path / "a.zip", {"a.txt": b"a" * (32 << 20)})
    elif inside == "several":
        write_zip(tmp_path / "a.zip", {f"{n}.txt": (b"a" * 99 + b"\n") * 10_000 for n in range(9)})
    path = write(tmp_path / "a.gz", data) if inside == "gz" else tmp_path / "a.zip"
    with pytest.raises(UnreadableCorpus, match="zip bomb"):
        read_all(path)


def test_a_long_line_costs_no_memory(tmp_path: Path) -> None:
    """100 MB of one line (in 100 kB) stay far under 100 MB of memory, and nothing comes of them."""
    import tracemalloc

    path = write(tmp_path / "a.txt.gz", zeros_gz(100 << 20))
    tracemalloc.start()
    with pytest.raises(CorpusError):
        read_all(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60 << 20


def test_an_encrypted_zip_says_so(tmp_path: Path) -> None:
    """The flag is enough: no password is asked for."""
    data = bytearray(write_zip(tmp_path / "a.zip", {"a.csv": BODY}).read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(UnreadableCorpus, match="encrypted"):
        read_all(write(tmp_path / "b.zip", bytes(data)))


def test_a_spreadsheet_says_how_to_go_on(tmp_path: Path) -> None:
    """An .xlsx is a zip, too."""
    with pytest.raises(UnreadableCorpus, match="save the sheet as CSV"):
        read_all(write_zip(tmp_path / "a.xlsx", {"[Content_Types].xml": "<x/>", "xl/workbook.xml": "<x/>"}))


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst", "zip"])
def test_a_cut_archive_gives_what_it_can(tmp_path: Path, kind: str) -> None:
    """Never a traceback: rows, or a sentence of ours."""
    data = write_zip(tmp_path / "w.zip", {"a.csv": BODY}).read_bytes() if kind == "zip" else packed(kind)
    for keep in range(0, len(data), 7):
        try:
            read_all(write(tmp_path / f"cut.{kind}", data[:keep]))
        except CorpusError as error:
            assert "cut" in str(error)


@pytest.mark.parametrize("kind", ["gz", "xz", "tar", "zst", "bz2"])
def test_what_stands_before_a_cut_is_read_and_the_cut_is_told(tmp_path: Path, kind: str) -> None:
    """Two thirds of a file give half of its rows and more. bz2 and zstd pack blocks of 100 kB, and give whole ones."""
    rows = [f"{n * 7919} people {n**3} times said {n}, and {n * 104_729} did not" for n in range(6_000)]
    data = packed(kind, ("id,text\n" + "".join(f"{n},{row}\n" for n, row in enumerate(rows))).encode())
    corpus = read_all(write(tmp_path / f"a.csv.{kind}", data[: len(data) * 2 // 3]))
    assert 1_900 < len(corpus.rows) < 4_100
    assert "cut off" in corpus.sniffed[0].notes[0]


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst", "tar"])
def test_any_damage_is_a_sentence_of_ours(tmp_path: Path, kind: str) -> None:
    """A byte that is another, anywhere."""
    data = packed(kind)
    for place in range(0, len(data), max(1, len(data) // 40)):
        other = data[:place] + bytes([data[place] ^ 0x5A]) + data[place + 1 :]
        try:
            read_all(write(tmp_path / f"a.{kind}", other))
        except CorpusError as error:
            assert str(error).endswith(".")


def test_a_damaged_member_does_not_take_the_others_along(tmp_path: Path) -> None:
    """One broken checksum in a zip: the other file is read, and the person is told."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.txt", POSTS[0])
        archive.writestr("b.txt", POSTS[1])
    data = path.read_bytes().replace(POSTS[0][:9].encode(), b"XXXXXXXXX", 1)
    corpus = read_all(write(path, data))
    assert POSTS[1] in [row.text for row in corpus.rows]
    assert any("damaged" in note for found in corpus.sniffed for note in found.notes)


def test_no_such_path(tmp_path: Path) -> None:
    """The sentence names the path."""
    with pytest.raises(NoSuchCorpus, match=r"nothing\.csv"):
        read([tmp_path / "nothing.csv"])


def test_progress_moves_to_the_end(tmp_path: Path) -> None:
    """Bytes read never run backwards and end at the whole."""
    steps: list[Progress] = []
    body = "".join(f"{n} is the number of this post, written at some length\n" for n in range(5_000))
    read([write(tmp_path / "a.txt", body)], ReadOptions(keep_near_duplicates=True), progress=steps.append)
    reading = [step for step in steps if step.stage == "reading"]
    assert [step.done for step in reading] == sorted(step.done for step in reading)
    assert reading[-1].rows == 5_000
    assert 0 < reading[-1].done <= reading[-1].total


def test_several_paths_are_one_corpus(tmp_path: Path) -> None:
    """Rows of all; a repeat over two files is a repeat."""
    one = write(tmp_path / "a.txt", "\n".join(POSTS[:3]))
    two = write(tmp_path / "b.txt", "\n".join(POSTS[2:]))
    corpus = read([one, two], ALL)
    assert [row.text for row in corpus.rows] == list(POSTS)
    assert corpus.drops == {"duplicate": 1}
    assert [source.path for source in corpus.sources] == ["a.txt", "b.txt"]
    assert read([one, two], ALL).sha256 == corpus.sha256
