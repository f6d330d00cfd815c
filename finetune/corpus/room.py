"""A full disk as a sentence."""

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from finetune.errors import NoRoom, UnreadableCorpus

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def explained() -> Iterator[None]:
    """Turn the system's errors of reading a corpus, which keeps its rows in a temporary file, into ours.

    Raises:
        NoRoom: the temporary folder is full.
        UnreadableCorpus: a file could not be read to its end.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # whoever read our output has left; nothing is wrong with the corpus
    except OSError as error:
        if error.errno in _FULL:
            place = tempfile.gettempdir()
            message = f"There is no room left in {place} for the rows ({error.strerror}); free some, or set TMPDIR."
            raise NoRoom(message) from error
        name = f"{error.filename}" if error.filename else "A file of the corpus"
        raise UnreadableCorpus(f"{name} cannot be read ({error.strerror or error}); check the disk.") from error
