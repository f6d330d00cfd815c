"""A fuzzer for reading texts: ``python -m tests.fuzz.normalise -max_total_time=300``, with atheris installed.

It is no part of the suite, which holds the same rules with hypothesis. atheris (pip install atheris) follows which
branches a text takes, and so finds texts that hypothesis would not think of. Options are libFuzzer's.
"""

import sys
from time import thread_time

import atheris

with atheris.instrument_imports(include=["moderation"]):
    from moderation.model.tokens import placed
    from moderation.normalise import normalise

SECONDS = 0.25  # for 4,000 characters; several times the limit of the tests, because following branches costs time


def one(data: bytes) -> None:
    """One text: no error, every view maps into the original, and no text takes long."""
    text = atheris.FuzzedDataProvider(data).ConsumeUnicode(4000)
    began = thread_time()
    seen = normalise(text)
    views = (seen.folded, seen.words, *seen.readings)
    spent = thread_time() - began
    assert spent < SECONDS, f"{spent:.2f} s for {len(text)} characters"
    for view in views:
        assert len(view.text) == len(view.origin)
        assert all(0 <= place < len(text) for place in view.origin)
    for _, span in placed(seen):
        assert 0 <= span.start <= span.end <= len(text)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
