"""What can go wrong in generation, by what the caller would do about it.

GenerationError                 any of these
├── AdapterError                the folder cannot be used: mend the folder or name another
│   ├── AdapterNotFound         there is none at that path
│   ├── AdapterIncomplete       training did not finish: its card is missing
│   └── AdapterBroken           a file is missing, damaged or from another version
├── EngineUnavailable           the engine cannot start here: install an extra, name another engine, start the server
├── GenerationTimeout           no text in time: answer the person, replace the worker
├── GenerationCancelled         the person went away: nothing to do
└── GeneratorBusy               the queue is full: say so politely, try later
"""


class GenerationError(Exception):
    """Any failure of generation; its text is one sentence for people."""


class AdapterError(GenerationError):
    """The adapter folder cannot be used."""


class AdapterNotFound(AdapterError):
    """There is no adapter at that path."""


class AdapterIncomplete(AdapterError):
    """Training did not finish: the card, which is written last, is missing."""


class AdapterBroken(AdapterError):
    """A file of the adapter is missing, damaged, or written by another version."""


class EngineUnavailable(GenerationError):
    """The engine cannot start here."""


class GenerationTimeout(GenerationError):
    """No text came in time."""


class GenerationCancelled(GenerationError):
    """The caller no longer wants the texts."""


class GeneratorBusy(GenerationError):
    """Too many requests are waiting."""
