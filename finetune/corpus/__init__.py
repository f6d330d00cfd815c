"""Any heap of posts in, clean rows out: ``read(paths, options) -> Corpus``, ``split(rows, seed)``."""

from finetune.corpus.options import Progress, ReadOptions
from finetune.corpus.read import Corpus, Source, read
from finetune.corpus.row import Drop, Row, Sniffed
from finetune.corpus.split import split

__all__ = ["Corpus", "Drop", "Progress", "ReadOptions", "Row", "Sniffed", "Source", "read", "split"]
