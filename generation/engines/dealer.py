"""Dealing each text its own random numbers inside CTranslate2's sampler.

CTranslate2 draws with one Mersenne Twister for each of its worker threads, row after row of the batch, step after
step (src/ops/multinomial_cpu.cc, src/random.cc at 4.8). So a text depends on how many neighbours are still being
written, and a seed is taken only when a thread first draws: a second batch cannot be seeded at all. Looked at and
turned down: one text a batch (a fifth of the speed), a fresh model for each block of texts with a recorded block
seed (a text still depends on its neighbours), stepping with ``forward_batch`` (no key-value cache: twenty times the
work at 40 tokens).

What it does offer: the address of that generator (``ctranslate2::get_random_generator``, an exported symbol) and a
callback after every row of every step, in the worker's thread. A Mersenne Twister hands out its 624 words of state
one after the other, each *tempered* by an invertible function (Matsumoto & Nishimura 1998). So before each step the
dealer writes, for each row still being written, the two words it is to draw, untempered, and sets the position to 0.
The draw itself stays CTranslate2's own, at its own speed.

A model may have several workers, and whichever is free takes the next batch; its thread shows itself only with the
first callback, after the first draw. So the words of a batch's first step are *offered*: written into every generator
that no batch is drawing from, and into one that becomes free before the batch has begun. The next batch waits until
this one is *claimed*.

Writing into a library's memory is done only after three checks in that very process, on each worker: the state read
there right after seeding is, word for word, what the algorithm prescribes; a draw takes two words and leaves the
position at two; and the smallest and the largest word lead to the first and the last candidate. If anything differs
(another standard library, another version, a GPU), :meth:`Dealer.find` returns None, the engine draws as CTranslate2
does, and its identity says that it is not reproducible.
"""

import contextlib
import ctypes
import platform
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Self

import ctranslate2
import numpy as np
from numpy.typing import NDArray

from generation.engines.dice import Words, words

STATE = 624  # words of a Mersenne Twister's state
ROWS = STATE // 2  # texts that one state can serve in one step

_SYMBOL = "_ZN11ctranslate220get_random_generatorEv"  # std::mt19937& ctranslate2::get_random_generator()
_PROBE_SEED = 20260105
_UNSEEDED = 2**32 - 1  # CTranslate2's own mark for "take a seed from the system"
_MEETING = 30.0  # seconds for all workers to take a probe each


class Twister:
    """The random generator of one worker thread; dies with the model."""

    def __init__(self, state: NDArray[np.uint64]) -> None:
        """``state`` is a view of the generator's memory: 624 words and the position, 64 bits each."""
        self._state = state

    def deal(self, tempered: Words) -> None:
        """Let the next draws be these words, in order: any shape, at most 624 of them, each below 2**32."""
        flat = untemper(tempered.ravel())
        self._state[: flat.size] = flat
        self._state[STATE] = 0

    @property
    def position(self) -> int:
        """How many words were drawn since the last deal."""
        return int(self._state[STATE])

    def freshly_seeded(self) -> bool:
        """Whether this is the state of a Mersenne Twister that was seeded for the probe and has not drawn."""
        expected = np.random.RandomState(_PROBE_SEED).get_state(legacy=False)["state"]
        return bool((self._state[:STATE] == expected["key"]).all() and self._state[STATE] == STATE)


class Dealer:
    """Deals to the random generators of a model's workers. Batches begin one after the other: offer, start, claim."""

    def __init__(self, twisters: dict[int, Twister], mine: Callable[[], int]) -> None:
        """``twisters`` by their address; ``mine`` tells the address of the calling thread's."""
        self._twisters = twisters
        self._mine = mine
        self._lock = threading.Lock()
        self._free = set(twisters.values())
        self._offered: Words | None = None

    @classmethod
    def find(cls, model: Any, start: str) -> Self | None:
        """The dealer for a freshly opened CPU model, or None where it cannot be vouched for.

        Args:
            model: a ``ctranslate2.Generator`` that has not drawn anything yet.
            start: a token to begin probing from.
        """
        # libstdc++ keeps a word of std::mt19937 in 64 bits on 64-bit Linux; other layouts are left alone.
        linux = sys.platform == "linux" and platform.libc_ver()[0] == "glibc" and sys.maxsize > 2**32
        if not linux or model.device != "cpu":
            return None
        try:
            address = getattr(ctypes.CDLL(ctranslate2._ext.__file__), _SYMBOL)
        except (AttributeError, OSError):
            return None
        address.restype = ctypes.c_void_p
        found: set[int] = set()

        def look() -> None:
            _stay()
            found.add(address())

        ctranslate2.set_random_seed(_PROBE_SEED)
        try:
            _on_every_worker(model, start, look)
        finally:
            ctranslate2.set_random_seed(_UNSEEDED)
        if len(found) != model.num_generators:
            return None
        twisters = {
            at: Twister(np.ctypeslib.as_array((ctypes.c_uint64 * (STATE + 1)).from_address(at))) for at in found
        }
        dealer = cls(twisters, address)
        seeded = all(twister.freshly_seeded() for twister in twisters.values())
        return dealer if seeded and dealer._obeyed(model, start) else None

    def offer(self, first: Words) -> None:
        """Let the next batch, whichever worker takes it, draw these words in its first step."""
        with self._lock:
            self._offered = first
            for twister in self._free:
                twister.deal(first)

    def claim(self) -> Twister:
        """The calling worker's generator, for the batch that was offered to."""
        with self._lock:
            twister = self._twisters[self._mine()]
            self._free.discard(twister)
            self._offered = None
            return twister

    def release(self, twister: Twister) -> None:
        """Give back a generator that its batch no longer draws from."""
        with self._lock:
            self._free.add(twister)
            if self._offered is not None:
                twister.deal(self._offered)

    def _obeyed(self, model: Any, start: str) -> bool:
        def first(word: int) -> set[int]:
            self.offer(np.full(2, word, dtype=np.uint64))
            results = _on_every_worker(model, start, sampling_topk=2, sampling_temperature=1.0)
            return {int(result.sequences_ids[0][0]) for result in results}

        def ranked(k: int) -> list[int]:
            options = {"max_length": 1, "beam_size": k, "num_hypotheses": k, "length_penalty": 0.0}
            result = model.generate_batch([[start]], include_prompt_in_result=False, **options)
            return [int(ids[0]) for ids in result[0].sequences_ids]

        likely, less = ranked(2)
        low, positions = first(0), {twister.position for twister in self._free}
        high = first(2**32 - 1)
        return (low, high) == ({likely}, {less}) and positions == {2}


def _stay() -> None:
    """Keep the calling worker's Python thread state for all callbacks to come.

    A thread that Python did not start gets a new one for each callback, and mapping its memory and giving it back took
    a fifth of the speed. This adds one to the state's count, and nobody takes it away: it lives until the process ends.
    Source: https://docs.python.org/3/c-api/init.html#c.PyGILState_Ensure, whose state pybind11's callbacks share.
    """
    ctypes.pythonapi.PyGILState_Ensure()


def _on_every_worker(model: Any, start: str, look: Callable[[], None] | None = None, **options: Any) -> list[Any]:
    """Draw one token on each worker at once, and ``look`` from its thread: none takes a second before all have one."""
    meeting = threading.Barrier(model.num_generators)

    def wait(_: Any) -> bool:
        if look is not None:
            look()
        # An exception here would end the process; where the meeting fails, too few workers have been seen.
        with contextlib.suppress(threading.BrokenBarrierError):
            meeting.wait(_MEETING)
        return True

    shared = {"max_length": 1, "include_prompt_in_result": False, "asynchronous": True, "callback": wait}
    jobs = [model.generate_batch([[start]], **shared, **options)[0] for _ in range(model.num_generators)]
    return [job.result() for job in jobs]


class Hand:
    """One batch being written: takes down what each row draws, and deals for the next step.

    CTranslate2 calls it in its own thread after every row of every step, in row order. It must never raise:
    an exception there would end the process.
    """

    def __init__(self, dealer: Dealer | None, seeds: Sequence[int], steps: int, cancelled: Any = None) -> None:
        """``steps`` is the most tokens a row draws; ``cancelled`` a ``threading.Event`` or None."""
        self.seeds = seeds
        self.drawn: list[list[int]] = [[] for _ in seeds]
        self.logprobs = [0.0 for _ in seeds]
        self.begun = threading.Event()  # the first step is drawn: the next batch may be offered
        self._dealer = dealer
        self._twister: Twister | None = None
        self._words = words(seeds, steps + 1)  # one more than needed: never run out
        self._cancelled = cancelled
        self._staying: list[int] = []
        self._last = len(seeds) - 1
        self._step = 0
        if dealer is not None:
            dealer.offer(self._words[:, 0])

    def __call__(self, told: Any) -> bool:
        """Take down one token; True stops the row."""
        if not self.begun.is_set():
            self._twister = self._dealer.claim() if self._dealer is not None else None
            self.begun.set()
        row: int = told.hypothesis_id
        self.drawn[row].append(told.token_id)
        self.logprobs[row] += told.log_prob
        if not told.is_last:
            self._staying.append(row)
        if row == self._last:
            self._next_step()
        return self._cancelled is not None and self._cancelled.is_set()

    def _next_step(self) -> None:
        rows, self._staying = self._staying, []
        self._step += 1
        if not rows:
            self.end()
            return
        self._last = rows[-1]
        if self._twister is not None:
            self._twister.deal(self._words[rows, self._step])

    def end(self) -> None:
        """Draw no more: after the last row's last token, or when the batch broke off."""
        twister, self._twister = self._twister, None
        if twister is not None and self._dealer is not None:
            self._dealer.release(twister)


def untemper(outputs: Words) -> Words:
    """The states that a Mersenne Twister turns into these outputs: its tempering, backwards."""
    y = outputs ^ (outputs >> np.uint64(18))
    y ^= (y << np.uint64(15)) & np.uint64(0xEFC60000)
    step = y
    for _ in range(4):  # seven bits become right each time
        step = y ^ ((step << np.uint64(7)) & np.uint64(0x9D2C5680))
    y = step
    for _ in range(2):  # eleven bits each time
        step = y ^ (step >> np.uint64(11))
    return step & np.uint64(0xFFFFFFFF)
