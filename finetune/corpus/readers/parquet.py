"""Parquet, some hundred rows at a time."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

from finetune.corpus.readers import objects
from finetune.corpus.readers.base import Input, Records
from finetune.errors import UnreadableCorpus

_BATCH = 512  # rows in memory at once
MOST_UNPACKED = 64 << 30  # bytes one file may claim to unpack to


def read(source: Input) -> tuple[objects.Plan, Records]:
    """The plan for a Parquet file and its posts.

    Raises:
        NoTextColumn: no column holds posts.
        UnreadableCorpus: the file is damaged.
    """
    with source.open() as stream:
        preview = list(islice(_records(stream, source.name, None), objects.PREVIEW))
    chosen = objects.plan(preview, source.options.text_column, source.name)
    return chosen, objects.rows(_reopened(source, chosen), chosen, source.name)


def _reopened(source: Input, chosen: objects.Plan) -> Iterator[dict[str, Any]]:
    with source.open() as stream:
        yield from _records(stream, source.name, source)


def _records(stream: BinaryIO, name: str, source: Input | None) -> Iterator[dict[str, Any]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise UnreadableCorpus("Reading Parquet needs the extra `train`: pip install 'confessional[train]'.") from error
    try:
        file = parquet.ParquetFile(stream)
        groups = range(file.metadata.num_row_groups)
        if sum(file.metadata.row_group(group).total_byte_size for group in groups) > MOST_UNPACKED:
            raise UnreadableCorpus(f"{name} unpacks to more than {MOST_UNPACKED >> 30} GB; give a smaller part of it.")
        wanted = [column.name for column in file.schema_arrow if "binary" not in str(column.type)]
        for batch in file.iter_batches(batch_size=_BATCH, columns=wanted):
            yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        if source is None:
            raise UnreadableCorpus(f"{name} is a damaged Parquet file ({error}); export it again.") from error
        source.note(f"it is damaged ({error}); what stands before was read")
