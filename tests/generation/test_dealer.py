"""Each text its own random numbers: the arithmetic, and the checks that stand before any writing into memory."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import ctranslate2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.adapter import Adapter
from generation.engines import dealer, open_generator
from generation.engines.dealer import STATE, Dealer, Hand, Twister, untemper
from generation.engines.dice import uniforms, words
from generation.errors import GenerationCancelled
from generation.generator import Request
from generation.sampling import Sampling


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=624))
def test_untempered_words_come_out_of_a_mersenne_twister_as_they_went_in(wanted: list[int]) -> None:
    key = np.zeros(624, dtype=np.uint32)
    key[: len(wanted)] = untemper(np.array(wanted, dtype=np.uint64))
    twister = np.random.MT19937()
    twister.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": 0}}
    assert twister.random_raw(len(wanted)).tolist() == wanted


@given(st.integers(0, 2**31 - 1), st.integers(1, 50))
def test_a_stream_belongs_to_its_seed_alone(seed: int, steps: int) -> None:
    alone = words([seed], steps)
    among = words([3, seed, 99], steps + 7)
    assert (alone[0] == among[1, :steps]).all()
    numbers = uniforms([seed], steps)
    assert ((numbers >= 0) & (numbers < 1)).all()


def test_streams_are_spread_evenly_and_do_not_move_together() -> None:
    numbers = uniforms(range(1000), 100)
    assert abs(numbers.mean() - 0.5) < 0.005
    assert abs(numbers.var() - 1 / 12) < 0.002
    neighbours = np.corrcoef(numbers[:-1].ravel(), numbers[1:].ravel())[0, 1]
    assert abs(neighbours) < 0.01


def test_a_number_is_put_together_as_the_c_library_does() -> None:
    [[[low, high]]] = words([5], 1).tolist()
    assert uniforms([5], 1)[0, 0] == (low + high * 2**32) / 2**64


class _Deals:
    """A dealer and its only generator: takes down what it is to deal."""

    def __init__(self) -> None:
        self.offered: list[Any] = []
        self.dealt: list[Any] = []
        self.released = 0

    def offer(self, first: Any) -> None:
        self.offered.append(first.copy())

    def claim(self) -> "_Deals":
        return self

    def deal(self, tempered: Any) -> None:
        self.dealt.append(tempered.copy())

    def release(self, twister: "_Deals") -> None:
        self.released += 1


def test_rows_that_ended_get_no_more_numbers() -> None:
    deals: Any = _Deals()
    hand = Hand(deals, [10, 11, 12], 3)
    told = [(0, 7, False), (1, 8, True), (2, 9, False), (0, 5, False), (2, 6, True), (0, 4, True)]
    for number, (row, token, last) in enumerate(told):
        assert hand.begun.is_set() == (number > 0)
        assert not deals.released
        hand(SimpleNamespace(hypothesis_id=row, token_id=token, is_last=last, log_prob=-1.0))
    stream = words([10, 11, 12], 3)
    assert [first.tolist() for first in deals.offered] == [stream[:, 0].tolist()]
    assert [dealt.shape[0] for dealt in deals.dealt] == [2, 1]
    assert (deals.dealt[0] == stream[[0, 2], 1]).all()
    assert (deals.dealt[1] == stream[[0], 2]).all()
    assert hand.drawn == [[7, 5, 4], [8], [9, 6]]
    assert hand.logprobs == [-3.0, -1.0, -2.0]
    hand.end()
    assert deals.released == 1


def test_an_offer_reaches_the_free_and_those_who_become_free_before_it_is_claimed() -> None:
    twisters = {at: Twister(np.zeros(STATE + 1, dtype=np.uint64)) for at in (1, 2)}
    calling = 1
    deals = Dealer(twisters, lambda: calling)

    def holds(at: int, offer: Any) -> bool:
        return bool((twisters[at]._state[: offer.size] == untemper(offer.ravel())).all())

    first, second, third = (words([seed, seed + 1], 1)[:, 0] for seed in (5, 50, 500))
    deals.offer(first)
    assert holds(1, first) and holds(2, first)
    busy = deals.claim()
    deals.offer(second)
    assert holds(1, first) and holds(2, second)  # the first is still being drawn from
    deals.release(busy)
    assert holds(1, second)  # now either may take the second
    calling = 2
    deals.claim()
    deals.offer(third)
    assert holds(1, third) and holds(2, second)


def test_draws_follow_the_stream_exactly(adapter: Adapter) -> None:
    """With all candidates allowed, the drawn token is where the number falls in the model's own distribution."""
    generator: Any = open_generator(adapter, engine="ctranslate2", threads=1)
    model: Any = ctranslate2.Generator(
        str(adapter.folder / "ctranslate2"), compute_type="int8_float32", intra_threads=1
    )
    logits = np.array(model.forward_batch([[adapter.prompt.begin]]), dtype=np.float64)[0, 0]
    mass = np.exp(logits - logits.max()).cumsum()
    numbers = uniforms(range(200), 1)[:, 0]
    expected = np.searchsorted(mass / mass[-1], numbers)
    plain = Sampling(temperature=1, top_p=1, top_k=0, repetition_penalty=1, max_tokens=1)
    start, _ = generator._codec.start(Request(), positions=256)
    texts = generator.generate(Request(count=200, seed=0, sampling=plain))
    agree = sum(
        text.text == generator._codec.text(start, [int(token)]) for text, token in zip(texts, expected, strict=True)
    )
    assert agree >= 198  # a number may fall on a boundary within rounding
    generator.close()


@pytest.mark.parametrize("missing", ["platform", "symbol", "layout"])
def test_without_the_checks_it_says_that_it_cannot_promise(
    adapter: Adapter, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another system, another build, another memory layout: nothing is written, and texts come all the same."""
    if missing == "platform":
        monkeypatch.setattr(sys, "platform", "win32")
    elif missing == "symbol":
        monkeypatch.setattr(dealer, "_SYMBOL", "no_such_function")
    else:
        monkeypatch.setattr(Twister, "freshly_seeded", lambda self: False)
    generator = open_generator(adapter, engine="ctranslate2", threads=1)
    assert not generator.identity.reproducible
    texts = generator.generate(Request(count=4, seed=1, sampling=Sampling(max_tokens=10)))
    assert [text.seed for text in texts] == [1, 2, 3, 4]
    generator.close()


def test_this_machine_passes_the_checks(adapter: Adapter) -> None:
    generator = open_generator(adapter, engine="ctranslate2", threads=1)
    assert generator.identity.reproducible
    generator.close()


def test_two_engines_do_not_disturb_each_other(adapter: Adapter) -> None:
    one, other = (open_generator(adapter, engine="ctranslate2", threads=1) for _ in range(2))
    request = Request(count=3, seed=9, sampling=Sampling(max_tokens=12))
    assert one.generate(request) == other.generate(request) == one.generate(request)
    one.close()
    assert len(other.generate(request)) == 3
    other.close()


def test_more_texts_than_one_batch_holds(adapter: Adapter) -> None:
    generator = open_generator(adapter, engine="ctranslate2", threads=1)
    many = generator.generate(Request(count=150, seed=0, sampling=Sampling(max_tokens=4)))
    few = generator.generate(Request(count=10, seed=125, sampling=Sampling(max_tokens=4)))
    assert many[125:135] == few
    generator.close()


def test_workers_share_the_texts_and_change_none_of_them(adapter: Adapter) -> None:
    """Three workers, more shares than workers, texts that end early: each text is what one worker alone writes."""
    alone, three = (open_generator(adapter, engine="ctranslate2", threads=threads) for threads in (1, 3))
    assert three.identity.reproducible
    for count, tokens in ((1, 9), (2, 9), (7, 2), (40, 1), (250, 12), (250, 3)):
        request = Request(count=count, seed=count, sampling=Sampling(max_tokens=tokens))
        assert three.generate(request) == alone.generate(request)
    alone.close()
    three.close()


def test_two_who_ask_at_once_get_the_same_texts_as_alone(adapter: Adapter) -> None:
    generator = open_generator(adapter, engine="ctranslate2", threads=2)
    requests = [Request(count=5, seed=seed, sampling=Sampling(max_tokens=12)) for seed in range(8)]
    alone = [generator.generate(request) for request in requests]
    with ThreadPoolExecutor(4) as people:
        assert list(people.map(generator.generate, requests)) == alone
    generator.close()


def test_a_batch_that_was_cancelled_leaves_the_workers_free(adapter: Adapter) -> None:
    generator = open_generator(adapter, engine="ctranslate2", threads=2)
    request = Request(count=200, seed=3, sampling=Sampling(max_tokens=30))
    expected = generator.generate(request)
    for delay in (0.0, 0.01, 0.05):
        cancelled = threading.Event()
        timer = threading.Timer(delay, cancelled.set)
        timer.start()
        with pytest.raises(GenerationCancelled):
            generator.generate(replace(request, count=5000), cancelled)
        timer.join()
        assert generator.generate(request) == expected
    generator.close()
