"""What can go wrong in training the classifier.

TrainingError            any of these
└── PoolBroken           the pool or another source lacks a file or a column: name the right one
"""

from moderation.errors import ModerationError


class TrainingError(ModerationError):
    """Any failure of training the classifier; its text is one sentence for people."""


class PoolBroken(TrainingError):
    """The pool, or text beside it, cannot be read."""
