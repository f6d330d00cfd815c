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

Writing into a library's memory is done only after three checks in that very process: the state read there right
after seeding is, word for word, what the algorithm prescribes; a draw takes two words and leaves the position at
two; and the smallest and the largest word lead to the first and the last candidate. If anything differs (another
standard library, another version, a GPU), :meth:`Dealer.find` returns None, the engine draws as CTranslate2 does,
and its identity says that it is not reproducible.
"""

import ctypes
import platform
import sys
from collections.abc import Sequence
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


class Dealer:
    """The random generator of one CTranslate2 worker thread; dies with the model."""

    def __init__(self, state: NDArray[np.uint64]) -> None:
        """``state`` is a view of the generator's memory: 624 words and the position, 64 bits each."""
        self._state = state

    @classmethod
    def find(cls, model: Any, start: str) -> Self | None:
        """The dealer for a freshly opened CPU model with one worker, or None where it cannot be vouched for.

        Args:
            model: a ``ctranslate2.Generator`` that has not drawn anything yet.
            start: a token to begin probing from.
        """
        # libstdc++ keeps a word of std::mt19937 in 64 bits on 64-bit Linux; other layouts are left alone.
        linux = sys.platform == "linux" and platform.libc_ver()[0] == "glibc" and sys.maxsize > 2**32
        if not linux or model.device != "cpu" or model.num_generators != 1:
            return None
        try:
            address = getattr(ctypes.CDLL(ctranslate2._ext.__file__), _SYMBOL)
        except (AttributeError, OSError):
            return None
        address.restype = ctypes.c_void_p
        found: list[int] = []

        def look(_: Any) -> bool:
            found.append(address())
            return True

        ctranslate2.set_random_seed(_PROBE_SEED)
        try:
            model.generate_batch([[start]], max_length=1, callback=look)
        finally:
            ctranslate2.set_random_seed(_UNSEEDED)
        dealer = cls(np.ctypeslib.as_array((ctypes.c_uint64 * (STATE + 1)).from_address(found[0])))
        return dealer if dealer._freshly_seeded() and dealer._obeyed(model, start) else None

    def deal(self, tempered: Words) -> None:
        """Let the next draws be these words, in order: any shape, at most 624 of them, each below 2**32."""
        flat = untemper(tempered.ravel())
        self._state[: flat.size] = flat
        self._state[STATE] = 0

    def _freshly_seeded(self) -> bool:
        expected = np.random.RandomState(_PROBE_SEED).get_state(legacy=False)["state"]
        return bool((self._state[:STATE] == expected["key"]).all() and self._state[STATE] == STATE)

    def _obeyed(self, model: Any, start: str) -> bool:
        def first(word: int) -> int:
            self.deal(np.full(2, word, dtype=np.uint64))
            options = {"max_length": 1, "sampling_topk": 2, "sampling_temperature": 1.0}
            result = model.generate_batch([[start]], include_prompt_in_result=False, **options)
            return int(result[0].sequences_ids[0][0])

        def ranked(k: int) -> list[int]:
            options = {"max_length": 1, "beam_size": k, "num_hypotheses": k, "length_penalty": 0.0}
            result = model.generate_batch([[start]], include_prompt_in_result=False, **options)
            return [int(ids[0]) for ids in result[0].sequences_ids]

        likely, less = ranked(2)
        low, position = first(0), int(self._state[STATE])
        high = first(2**32 - 1)
        return (low, high) == (likely, less) and position == 2


class Hand:
    """One batch being written: takes down what each row draws, and deals for the next step.

    CTranslate2 calls it in its own thread after every row of every step, in row order. It must never raise:
    an exception there would end the process.
    """

    def __init__(self, dealer: Dealer | None, seeds: Sequence[int], steps: int, cancelled: Any = None) -> None:
        """``steps`` is the most tokens a row draws; ``cancelled`` a ``threading.Event`` or None."""
        self.drawn: list[list[int]] = [[] for _ in seeds]
        self.logprobs = [0.0 for _ in seeds]
        self._dealer = dealer
        self._words = words(seeds, steps + 1) if dealer else None  # one more than needed: never run out
        self._cancelled = cancelled
        self._staying: list[int] = list(range(len(seeds)))
        self._step = -1
        self._next_step()

    def __call__(self, told: Any) -> bool:
        """Take down one token; True stops the row."""
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
        if rows:
            self._last = rows[-1]
            if self._dealer is not None and self._words is not None:
                self._dealer.deal(self._words[rows, self._step])


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
