"""Does this text repeat one of the bot's own posts of the last days?"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

import numpy as np

from moderation.context import Context
from moderation.echo import layout
from moderation.echo.compare import best_of, compare
from moderation.echo.keys import keys_of
from moderation.echo.words import Keys, Words, shingle_keys, split, whole_keys
from moderation.filters.echo import finding
from moderation.normalise import Normalised
from moderation.verdict import Finding

_CANDIDATES = 6  # posts compared for one text


@dataclass(frozen=True, slots=True)
class _Post:
    at: datetime
    text: str
    keys: tuple[int, ...]


class RepeatFilter:
    """Remembers the bot's posts in memory and finds texts that repeat one of them.

    ``now`` tells the time; posts older than ``days`` are forgotten. The wiring calls :meth:`remember` for the posts on
    record at start and for each new one. Safe to use from several threads.
    """

    name = "repeat"
    version = "1"

    def __init__(self, now: Callable[[], datetime], days: float = 30) -> None:
        self._now = now
        self._window = timedelta(days=days)
        self._posts: dict[int, _Post] = {}
        self._order: deque[int] = deque()  # numbers of the posts as they came
        self._postings: defaultdict[int, set[int]] = defaultdict(set)
        self._next = 0
        self._lock = Lock()

    def remember(self, text: str, at: datetime) -> None:
        """Add a post made at ``at`` (aware). One that is too old already is left out."""
        if at < self._now() - self._window:
            return
        keys = tuple(int(key) for key in _post_keys(split(text)))
        with self._lock:
            self._posts[self._next] = _Post(at, text, keys)
            self._order.append(self._next)
            for key in keys:
                self._postings[key].add(self._next)
            self._next += 1

    def judge(self, text: Normalised, context: Context) -> list[Finding]:
        """At most one finding: the post that the text repeats most."""
        words = split(text.original)
        if not words.words:
            return []
        with self._lock:
            self._forget()
            found = [(number, self._posts[number].text) for number in self._candidates(words)]
        matches = (compare(words, post, number) for number, post in found)
        best = best_of(match for match in matches if match is not None and match.is_copy)
        return [finding(best, self.name, "It repeats an earlier post")] if best else []

    def _candidates(self, words: Words) -> list[int]:
        votes: Counter[int] = Counter()
        for key in keys_of([words])[0].tolist():
            votes.update(self._postings.get(key, ()))
        return [number for number, _ in votes.most_common(_CANDIDATES)]

    def _forget(self) -> None:
        oldest = self._now() - self._window
        for _ in range(len(self._order)):
            post = self._posts[self._order[0]]
            if post.at >= oldest:
                break
            number = self._order.popleft()
            del self._posts[number]
            for key in post.keys:
                numbers = self._postings[key]
                numbers.discard(number)
                if not numbers:
                    del self._postings[key]


def _post_keys(words: Words) -> Keys:
    """The keys a post is found by; a short one also by its pairs of words, because typing errors break it all."""
    if not words.words:
        return np.zeros(0, np.uint64)
    if len(words) <= layout.SHORT_ROW:
        return np.unique(keys_of([words])[0])
    return np.concatenate([whole_keys(words.hashes, np.array([len(words)])), shingle_keys(words.hashes)])
