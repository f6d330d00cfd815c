"""What can go wrong in fine-tuning, by what the caller would do about it.

FinetuneError                   any of these
├── CorpusError                 the rows cannot be used: mend the file, name another, choose the column
│   ├── NoSuchCorpus            there is nothing at that path
│   ├── UnreadableCorpus        a damaged, hostile or unknown file: export it again
│   ├── NoTextColumn            no column holds posts: name it
│   ├── EmptyCorpus             no post in it may be used
│   ├── TooLittleText           fewer characters than a voice can be learned from: add posts
│   └── BadOption               an option of reading is out of range: change it
├── RecipeError                 a setting is unknown, out of range, or in conflict with another: change it
├── BaseError                   the base cannot be used
│   ├── BaseNotFound            no such folder, name or model; or the Hub is out of reach
│   └── BaseUnfit               it is there, but it is not a causal language model we can train
├── TrainingError               the run cannot begin or go on
│   ├── NameTaken               an adapter of that name is complete, or another run is making it
│   ├── RunChanged              an unfinished run of that name had another corpus, base or recipe
│   └── TrainingDiverged        the loss is no longer a number: lower the learning rate
├── NoRoom                      a disk is full: free some and run the same command again
└── Interrupted                 the person asked to stop; everything is saved, the same command goes on
"""


class FinetuneError(Exception):
    """Any failure of fine-tuning; its text is one sentence for people."""


class CorpusError(FinetuneError):
    """The rows cannot be used."""


class NoSuchCorpus(CorpusError):
    """There is no file or folder at that path."""


class UnreadableCorpus(CorpusError):
    """The file is damaged, hostile, or of a kind nobody here reads."""


class NoTextColumn(CorpusError):
    """No column of the table holds posts, or the one that was named is not there."""

    def __init__(self, message: str, columns: tuple[str, ...] = (), likely: str | None = None) -> None:
        """Keep the columns that are there and the likeliest one beside the sentence."""
        super().__init__(message)
        self.columns = columns
        self.likely = likely


class EmptyCorpus(CorpusError):
    """No post in it may be used."""


class TooLittleText(CorpusError):
    """There are fewer characters than a voice can be learned from."""


class BadOption(CorpusError):
    """An option of reading is out of range, or two are in conflict."""


class RecipeError(FinetuneError):
    """A setting is unknown, out of range, or in conflict with another."""


class BaseError(FinetuneError):
    """The base cannot be used."""


class BaseNotFound(BaseError):
    """There is no base of that name, or the Hub is out of reach."""


class BaseUnfit(BaseError):
    """The base is not a causal language model that can be trained here."""


class TrainingError(FinetuneError):
    """The run cannot begin or go on."""


class NameTaken(TrainingError):
    """An adapter of that name is complete, or another run is making it."""


class RunChanged(TrainingError):
    """An unfinished run of that name was begun with something else."""


class TrainingDiverged(TrainingError):
    """The loss is no longer a number."""


class NoRoom(FinetuneError):
    """A disk is full."""


class Interrupted(FinetuneError):
    """The person asked to stop; everything is saved."""
