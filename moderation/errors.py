"""What can go wrong in moderation, by what the caller would do about it.

ModerationError                 any of these
├── PolicyError                 the policy cannot be used: mend `[policy]` in confess.toml
├── WordlistError               a word list cannot be used: mend the file
│   └── WordRefused             a word cannot be put in or taken out: choose another
├── CalibrationError            too little to calibrate on: bring more posts or more decisions
├── FilterError                 one filter could not judge: the gate holds the text
│   ├── FilterUnavailable       its model, index or server is missing: install it, or leave the filter out
│   └── FilterTimeout           it took too long
└── ReviewError                 a decision cannot be made (see moderation/review.py)
    ├── NotFound                there is no such post
    ├── AlreadyDecided          somebody decided before
    ├── LeasedByOther           somebody else is looking at it
    ├── ChangedSince            the post is not as the reviewer saw it: look again
    └── EditRefused             the new text is empty, or the gate blocks it
"""


class ModerationError(Exception):
    """Any failure of moderation; its text is one sentence for people."""


class PolicyError(ModerationError):
    """The policy cannot be used."""


class WordlistError(ModerationError):
    """A word list cannot be used."""


class WordRefused(WordlistError):
    """This word cannot be put in or taken out."""


class CalibrationError(ModerationError):
    """There is too little to set a threshold by."""


class FilterError(ModerationError):
    """One filter could not judge a text."""


class FilterUnavailable(FilterError):
    """The filter's model, index or server is missing."""


class FilterTimeout(FilterError):
    """The filter took too long."""


class ReviewError(ModerationError):
    """A decision on a held post cannot be made."""


class NotFound(ReviewError):
    """There is no such post."""


class AlreadyDecided(ReviewError):
    """Somebody decided before."""


class LeasedByOther(ReviewError):
    """Somebody else is looking at the post."""


class ChangedSince(ReviewError):
    """The post was changed after the reviewer saw it."""


class EditRefused(ReviewError):
    """The new text may not stand in the post's place."""
