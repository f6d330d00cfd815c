"""What can go wrong with an echo index, by what the caller would do about it.

EchoError                any of these
├── EchoNotFound         no index in that folder: build one, or judge without
└── EchoBroken           a file is missing, damaged or of another version: build it again from the rows
"""

from moderation.errors import ModerationError


class EchoError(ModerationError):
    """Any failure of an echo index; its text is one sentence for people."""


class EchoNotFound(EchoError):
    """There is no index in that folder."""


class EchoBroken(EchoError):
    """A file of the index is missing, damaged, or written by another version."""
