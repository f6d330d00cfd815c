"""Files, folders and archives as one thing: named members that can be opened, bounded in what they may unpack to.

Nothing is ever unpacked to a path an archive names; a nested or compressed archive goes to an unlinked temporary file.
Limits follow what was seen of zip bombs (Fifield 2019, "A better zip bomb": ratios of millions) and of honest text
(5 to 20; a column of identical rows some hundreds, but then it is small).
"""

import bz2
import gzip
import io
import lzma
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from finetune.errors import NoSuchCorpus, UnreadableCorpus

FREE_BYTES = 256 << 20  # any source may unpack to this much
MOST_RATIO = 100  # beyond it, to this many times its size on disk
MOST_MEMBERS = 100_000
DEEPEST = 3  # an archive in an archive in an archive
CHUNK = 1 << 16

Open = Callable[[], BinaryIO]
_DAMAGE = (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, lzma.LZMAError, tarfile.TarError, ValueError)


@dataclass(slots=True)
class Meter:
    """Bytes read from disk so far, for progress."""

    done: int = 0


@dataclass(slots=True)
class Allowance:
    """How much one path may unpack to, over all its members and readings."""

    path: Path
    meter: Meter
    note: Callable[[str], None]
    spent: int = 0
    most: int = field(init=False)

    def __post_init__(self) -> None:
        """Set the limit from the size on disk."""
        size = self.path.stat().st_size if self.path.is_file() else 0
        self.most = max(FREE_BYTES, size * MOST_RATIO)

    @property
    def exhausted(self) -> bool:
        """Whether the limit was met; then nothing more of this path is read."""
        return self.spent > self.most

    def spend(self, count: int) -> None:
        """Count unpacked bytes.

        Raises:
            UnreadableCorpus: the path unpacks to far more than honest text would.
        """
        self.spent += count
        if self.exhausted:
            raise UnreadableCorpus(
                f"{self.path.name} unpacks to more than {self.most >> 20:,} MB, {MOST_RATIO} times its size: that is a "
                "zip bomb or no text; unpack it yourself and name the file with the posts."
            )


@dataclass(frozen=True, slots=True)
class Member:
    """One file, wherever it lies."""

    name: str  # path inside its tree, with "/"
    label: str  # as shown to people
    open: Open


@dataclass(frozen=True, slots=True)
class Tree:
    """Some files that came together: a folder, an archive, or one file."""

    label: str
    members: tuple[Member, ...]
    allowance: Allowance

    def find(self, suffix: str) -> list[Member]:
        """The members whose path ends with `suffix` (whole components, any case), in order."""
        wanted = "/" + suffix.casefold()
        return [member for member in self.members if ("/" + member.name.casefold()).endswith(wanted)]


class _Watched(io.RawIOBase):
    """A stream that counts what is read and ends quietly where the data is damaged."""

    def __init__(
        self, inner: Any, count: Callable[[int], None], damaged: Callable[[str], None], step: int = CHUNK
    ) -> None:
        self._inner, self._count, self._damaged, self._step = inner, count, damaged, step

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._inner.seekable())

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._inner.seek(offset, whence))

    def tell(self) -> int:
        return int(self._inner.tell())

    def readinto(self, buffer: Any) -> int:
        try:
            # At most one step of the decompressor: a full read would lose, with the error, what came before it.
            data = self._inner.read1(min(len(buffer), self._step))
        except (*_DAMAGE, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk's, not the data's
            self._damaged(
                f"it is damaged or cut off ({str(error) or type(error).__name__}); what stands before was read"
            )
            return 0
        self._count(len(data))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
        super().close()


def _buffered(raw: io.RawIOBase) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(raw, CHUNK))


def open_path(path: Path, meter: Meter, note: Callable[[str], None]) -> Tree:
    """The files at a path, folders walked in name order; hidden files and links that lead elsewhere are left out.

    Raises:
        NoSuchCorpus: there is nothing there, or it may not be read.
        UnreadableCorpus: it is a pipe or a device, which cannot be read twice.
    """
    if not path.exists():
        raise NoSuchCorpus(f"There is no file or folder at {path}; check the name.")
    allowance = Allowance(path, meter, note)
    if path.is_dir():
        files = [file for file in sorted(path.rglob("*")) if file.is_file() and _inside(file, path)]
        if len(files) > MOST_MEMBERS:
            raise UnreadableCorpus(f"{path} holds {len(files):,} files; name the ones with posts.")
        members = tuple(_file(file, file.relative_to(path).as_posix(), allowance) for file in files)
        return Tree(path.name, members, allowance)
    if not path.is_file():
        raise UnreadableCorpus(f"{path} is no file: save what comes out of it to one, and name that.")
    return Tree(path.name, (_file(path, path.name, allowance),), allowance)


def _inside(file: Path, root: Path) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in file.relative_to(root).parts)
    return not hidden and file.resolve().is_relative_to(root.resolve())


def _file(path: Path, name: str, allowance: Allowance) -> Member:
    def count(read: int) -> None:
        allowance.meter.done += read

    def opened() -> BinaryIO:
        try:
            return _buffered(_Watched(path.open("rb"), count, allowance.note))
        except OSError as error:
            raise NoSuchCorpus(f"{path} cannot be read ({error.strerror}); check its permissions.") from error

    return Member(name, path.name if name == path.name else name, opened)


def packing(head: bytes) -> str | None:
    """Which packing a file that begins with `head` is in: "zip", "tar", "gzip", "zstd", "bzip2", "xz", or None."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head[257:262] == b"ustar":
        return "tar"
    magics = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"))
    return next((name for magic, name in magics if head.startswith(magic)), None)


def unpack(member: Member, kind: str, allowance: Allowance) -> Tree:
    """The members of a packed file.

    Raises:
        UnreadableCorpus: it is encrypted, damaged at its root, or a bomb.
    """
    if kind == "zip":
        return Tree(member.label, tuple(_zip_members(member, allowance)), allowance)
    if kind == "tar":
        return Tree(member.label, tuple(_tar_members(member, allowance)), allowance)
    inner = PurePosixPath(member.name)
    name = inner.stem if inner.suffix in {".gz", ".zst", ".bz2", ".xz"} else inner.name.replace(".tgz", ".tar")

    def opened() -> BinaryIO:
        return _buffered(_Watched(_decompressor(kind, member.open()), allowance.spend, allowance.note))

    return Tree(member.label, (Member(name, member.label, opened),), allowance)


def _decompressor(kind: str, stream: BinaryIO) -> Any:
    if kind == "gzip":
        return gzip.GzipFile(fileobj=stream)
    if kind == "bzip2":
        return bz2.BZ2File(stream)
    if kind == "xz":
        return lzma.LZMAFile(stream)
    try:
        import zstandard
    except ImportError as error:
        raise UnreadableCorpus(
            "Reading .zst files needs the extra `train`: pip install 'confessional[train]'."
        ) from error
    # Reddit dumps are written with long windows (Watchful1/PushshiftDumps).
    return _Zstd(stream, zstandard.ZstdDecompressor(max_window_size=2**31).decompressobj, zstandard.ZstdError)


class _Zstd:
    """Frames of zstandard as one stream. Its own reader ends without a word where a file is cut off.

    A kilobyte goes in at once, since four bytes may become 128 kilobytes.
    """

    def __init__(self, stream: BinaryIO, begin: Callable[[], Any], damage: type[Exception]) -> None:
        self._stream, self._begin, self._damage = stream, begin, damage
        self._frame: Any = None
        self._packed, self._ready = b"", b""

    def read1(self, size: int) -> bytes:
        while not self._ready:
            self._packed = self._packed or self._stream.read(1 << 10)
            if not self._packed:
                if self._frame is None:
                    return b""
                raise EOFError("its last frame has no end")
            self._frame = self._frame or self._begin()
            try:
                self._ready = self._frame.decompress(self._packed)
            except self._damage as error:
                raise EOFError(str(error)) from error
            self._packed = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame = None
        data, self._ready = self._ready[:size], self._ready[size:]
        return data

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self._stream.close()


def _zip_members(member: Member, allowance: Allowance) -> Iterator[Member]:
    try:
        archive = zipfile.ZipFile(_seekable(member, allowance))
    except (*_DAMAGE, OSError, NotImplementedError) as error:
        raise UnreadableCorpus(
            f"{member.label} is a damaged zip archive ({error}); download or export it again."
        ) from error
    found = archive.infolist()
    if len(found) > MOST_MEMBERS:
        raise UnreadableCorpus(f"{member.label} holds {len(found):,} files; unpack it and name the ones with posts.")
    for info in found:
        if info.is_dir() or not _safe(info.filename, allowance):
            continue
        if info.flag_bits & 1:
            raise UnreadableCorpus(
                f"{member.label} is encrypted; unpack it with its password and name the files inside."
            )

        def opened(info: zipfile.ZipInfo = info) -> BinaryIO:
            try:
                inner = archive.open(info)
            except (*_DAMAGE, NotImplementedError, OSError) as error:
                allowance.note(f"{info.filename} in it cannot be read ({error})")
                inner = cast(Any, io.BytesIO())
            return _buffered(_Watched(inner, allowance.spend, allowance.note))

        yield Member(info.filename, f"{member.label}!{info.filename}", opened)


def _tar_members(member: Member, allowance: Allowance) -> Iterator[Member]:
    try:
        archive = tarfile.open(fileobj=_seekable(member, allowance), mode="r:")  # noqa: SIM115  (members read it)
        found: list[tarfile.TarInfo] = []
        for info in archive:
            found.append(info)
            if len(found) > MOST_MEMBERS:
                raise UnreadableCorpus(f"{member.label} holds too many files; unpack it and name the ones with posts.")
    except (*_DAMAGE, OSError) as error:
        if "found" not in locals() or not found:
            raise UnreadableCorpus(f"{member.label} is a damaged tar archive ({error}); export it again.") from error
        allowance.note(f"it is cut off ({error}); what stands before was read")
    for info in found:
        if not info.isfile() or not _safe(info.name, allowance):
            continue

        def opened(info: tarfile.TarInfo = info) -> BinaryIO:
            # Small steps: the one in which a cut archive ends is lost.
            return _buffered(_Watched(archive.extractfile(info), allowance.spend, allowance.note, step=1 << 12))

        yield Member(info.name, f"{member.label}!{info.name}", opened)


def _seekable(member: Member, allowance: Allowance) -> BinaryIO:
    """The member itself when it lies on disk, else a copy in an unlinked temporary file."""
    stream = member.open()
    if (
        "!" not in member.label
        and not member.label.endswith((".gz", ".tgz", ".zst", ".bz2", ".xz"))
        and stream.seekable()
    ):
        return stream
    copy = tempfile.TemporaryFile(prefix="confess-archive-")  # noqa: SIM115  (lives as long as the archive)
    with stream:
        while chunk := stream.read(CHUNK):
            copy.write(chunk)
    copy.seek(0)
    return cast(BinaryIO, copy)


def _safe(name: str, allowance: Allowance) -> bool:
    """Whether a name stays inside its archive and is no system file: no honest export has another."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        allowance.note(f"it names a file outside itself ({name[:80]!r}); that file was left out")
        return False
    return not any(part.startswith((".", "__MACOSX")) for part in path.parts)
