"""Which language a post is in, for the option that keeps some only."""

from collections.abc import Callable
from functools import cache

from finetune.corpus.row import Row
from finetune.errors import UnreadableCorpus

SURE = 0.9  # probability from which a guess counts
SHORTEST_JUDGED = 20  # characters; shorter posts are guessed wrong too often (a few words in, langid is a coin)

Classify = Callable[[str], tuple[str, float]]


def is_foreign(row: Row, text: str, wanted: frozenset[str]) -> bool:
    """Whether a post is surely in a language that is not `wanted` (ISO 639-1): by its source's word, else by its text.

    Raises:
        UnreadableCorpus: the library that guesses is not installed.
    """
    told = (row.lang or "").casefold()[:2]
    if len(told) == 2 and told.isalpha() and (row.lang or "").casefold() not in ("und", "qme", "zxx", "art"):
        return told not in wanted
    if len(text) < SHORTEST_JUDGED:
        return False
    language, probability = _classifier()(text)
    return language not in wanted and probability >= SURE


@cache
def _classifier() -> Classify:
    """py3langid (Lui and Baldwin 2012, "langid.py"), with probabilities."""
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as error:
        message = "Choosing languages needs the extra `train`: pip install 'confessional[train]'."
        raise UnreadableCorpus(message) from error
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    return lambda text: identifier.classify(text)
