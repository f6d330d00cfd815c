"""One test class over every engine: the openai one talks to a real server on loopback with a real model behind it."""

import threading
from collections.abc import Iterator

import pytest

from generation.adapter import Adapter
from generation.codec import PromptTooLong
from generation.engines import Server, open_generator
from generation.errors import EngineUnavailable, GenerationCancelled, GenerationError
from generation.generator import Generator, Request
from generation.sampling import Sampling
from tests.loopback.completions_server import CompletionsServer
from tests.voices import BASE

SHORT = Sampling(max_tokens=24)


@pytest.fixture(scope="module", params=["ctranslate2", "transformers", "openai"])
def generator(request: pytest.FixtureRequest, adapter: Adapter) -> Iterator[Generator]:
    """Each engine in turn, on the same adapter."""
    if request.param == "openai":
        with CompletionsServer(adapter) as server:
            opened = open_generator(adapter, engine="openai", server=Server(server.base_url))
            yield opened
            opened.close()
    else:
        opened = open_generator(adapter, engine=request.param, base=str(BASE), threads=1)
        yield opened
        opened.close()


class TestEveryGenerator:
    def test_says_who_it_is(self, generator: Generator, adapter: Adapter) -> None:
        assert isinstance(generator, Generator)
        assert generator.identity.adapter == "test"
        assert generator.identity.adapter_hash == adapter.hash
        assert generator.identity.base == "nib"
        assert generator.identity.engine_version

    def test_gives_as_many_texts_as_asked_in_seed_order(self, generator: Generator) -> None:
        texts = generator.generate(Request(count=5, seed=40, sampling=SHORT))
        assert [text.seed for text in texts] == [40, 41, 42, 43, 44]
        assert len({text.text for text in texts}) == 5
        for text in texts:
            assert 1 <= text.tokens <= SHORT.max_tokens
            assert text.logprob < 0
            assert "<|endoftext|>" not in text.text

    def test_a_text_depends_on_its_seed_and_on_nothing_else(self, generator: Generator) -> None:
        """Not on its neighbours, not on its place in the batch, not on what was written before."""
        together = generator.generate(Request(count=9, seed=7, sampling=SHORT))
        alone = [generator.generate(Request(seed=seed, sampling=SHORT))[0] for seed in range(15, 6, -1)]
        assert [text.text for text in together] == [text.text for text in reversed(alone)]
        fewer = generator.generate(Request(count=3, seed=10, sampling=SHORT))
        assert [text.text for text in fewer] == [text.text for text in together[3:6]]

    def test_writes_for_several_at_once_what_each_would_get_alone(self, generator: Generator) -> None:
        together = generator.generate(Request(count=2, seed=7, more=(100, 101, 8), sampling=SHORT))
        assert [text.seed for text in together] == [7, 8, 100, 101, 8]
        other = generator.generate(Request(count=2, seed=100, sampling=SHORT))
        assert [text.text for text in together[2:4]] == [text.text for text in other]
        assert together[4].text == together[1].text

    def test_the_seed_decides(self, generator: Generator) -> None:
        [one], [other] = (generator.generate(Request(seed=seed, sampling=SHORT)) for seed in (1, 2**31 - 1))
        assert one.text != other.text

    def test_continues_a_prompt(self, generator: Generator) -> None:
        for text in generator.generate(Request(count=3, prompt="I once told my ", seed=3, sampling=SHORT)):
            assert text.text.startswith("I once told my")
            assert len(text.text) > len("I once told my")

    def test_a_topic_is_not_part_of_the_text(self, generator: Generator) -> None:
        plain = generator.generate(Request(count=3, seed=3, sampling=SHORT))
        about = generator.generate(Request(count=3, seed=3, topic="trains", sampling=SHORT))
        assert [text.text for text in plain] != [text.text for text in about]
        assert not any(text.text.startswith("about:") for text in about)

    def test_a_prompt_cannot_smuggle_in_the_end_mark(self, generator: Generator) -> None:
        [text] = generator.generate(Request(prompt="I like<|endoftext|> it", seed=1, sampling=SHORT))
        assert "<|endoftext|>" not in text.text
        assert text.text.startswith("I like  it")

    def test_says_whether_a_text_ended_by_itself(self, generator: Generator) -> None:
        texts = generator.generate(Request(count=12, seed=100, sampling=SHORT))
        for text in texts:
            assert text.stopped or text.tokens == SHORT.max_tokens
        assert {text.stopped for text in texts} == {True, False}
        cut = generator.generate(Request(count=4, seed=100, sampling=Sampling(max_tokens=2)))
        assert [text.tokens for text in cut] == [2, 2, 2, 2]
        assert not any(text.stopped for text in cut)

    def test_greedy_says_the_same_for_every_seed(self, generator: Generator) -> None:
        greedy = Sampling(temperature=0, max_tokens=12)
        texts = generator.generate(Request(count=3, seed=5, prompt="I am", sampling=greedy))
        assert len({text.text for text in texts}) == 1
        assert [text.seed for text in texts] == [5, 6, 7]

    @pytest.mark.parametrize(
        "sampling",
        [
            Sampling(top_k=0, max_tokens=8),
            Sampling(top_p=1, top_k=3, max_tokens=8),
            Sampling(temperature=2, max_tokens=8),
        ],
    )
    def test_takes_every_option(self, generator: Generator, sampling: Sampling) -> None:
        assert len(generator.generate(Request(count=2, seed=1, sampling=sampling))) == 2

    def test_stops_when_it_is_told_to(self, generator: Generator) -> None:
        cancelled = threading.Event()
        cancelled.set()
        with pytest.raises(GenerationCancelled):
            generator.generate(Request(count=4, seed=1), cancelled)
        assert len(generator.generate(Request(count=1, seed=1, sampling=SHORT))) == 1  # and goes on afterwards

    def test_a_prompt_that_leaves_no_room_is_a_sentence(self, generator: Generator) -> None:
        with pytest.raises(GenerationError) as caught:
            generator.generate(Request(prompt="word " * 400, sampling=SHORT))
        assert "fewer words" in str(caught.value)
        # Only the server knows how long its model reads, and says so itself.
        assert isinstance(caught.value, EngineUnavailable if generator.identity.engine == "openai" else PromptTooLong)
