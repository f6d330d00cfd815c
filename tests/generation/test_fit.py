"""Counting as each platform counts: X's own conformance cases when they are at hand, and our own."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from generation.fit import LIMITS, graphemes, links, mastodon_length, utf16_units, weighted_length


def fits(platform: str, text: str) -> bool:
    return LIMITS[platform].fits(text)


CONFORMANCE = Path(__file__).parents[3] / "shared" / "specs" / "twitter-text" / "validate.yml"
FAMILY = "👨‍👩‍👧‍👦"


@pytest.mark.skipif(not CONFORMANCE.is_file(), reason="X's conformance file is not beside this checkout")
def test_every_weighted_case_of_x() -> None:
    cases = yaml.safe_load(CONFORMANCE.read_text(encoding="utf-8"))["tests"]
    groups = [name for name in cases if name.endswith("CounterTest")]
    counted = 0
    for group in groups:
        for case in cases[group]:
            emoji = group != "WeightedTweetsCounterTest"  # that group is for configuration 2, which has none
            assert weighted_length(case["text"], emoji=emoji) == case["expected"]["weightedLength"], case["description"]
            counted += 1
    assert counted == 44


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("", 0),
        ("plain words", 11),
        ("café", 4),
        ("cafe\u0301", 4),  # the accent joins in NFC
        ("日本", 4),
        ("“curly” – dash", 14),
        ("an ellipsis…", 13),  # U+2026 is outside the light ranges
        ("👍", 2),
        ("👍🏽", 2),
        (FAMILY, 2),
        ("🇬🇧🇫🇷", 4),
        ("3️⃣", 2),
        ("©", 1),
        ("©️", 2),
        ("☺\ufe0e", 4),  # the text selector makes it two plain characters
        ("see https://example.com/" + "a" * 200, 27),
        ("see example.com now", 31),
        ("see example.com. Now", 32),
        ("(http://example.com/a_(b))", 25),
        ("mail me@example.com", 19),  # an address is no link
        ("one.Two three", 13),  # no such top-level domain
        ("http://" + "a" * 64 + ".com", 75),  # a label longer than 63 is no name
        ("日本example.com", 27),  # without a scheme only the plain part is a link
        ("日本http://例え.jp/a", 27),
    ],
)
def test_x(text: str, weight: int) -> None:
    assert weighted_length(text) == weight


def test_x_takes_280_and_no_more() -> None:
    assert fits("x", "a" * 280) and not fits("x", "a" * 281)
    assert fits("x", "日" * 140) and not fits("x", "日" * 141)
    assert fits("x", FAMILY * 140) and not fits("x", FAMILY * 141)
    assert LIMITS["x"].excess("a" * 281) == "281 weighted characters, 280 fit"


def test_mastodon_counts_links_and_servers_of_mentions_cheaply() -> None:
    assert mastodon_length("https://example.com/" + "a" * 300) == 23
    assert mastodon_length("hello @person@a.very.long.server.example you") == len("hello @person you")
    assert mastodon_length("example.com") == 11  # only with a scheme
    assert fits("mastodon", FAMILY * 500) and not fits("mastodon", "a" * 501)


def test_bluesky_counts_graphemes_and_bytes() -> None:
    assert graphemes(FAMILY) == 1
    assert fits("bluesky", "a" * 300) and not fits("bluesky", "a" * 301)
    assert fits("bluesky", FAMILY * 120)  # 3,000 bytes
    assert not fits("bluesky", FAMILY * 121)
    assert LIMITS["bluesky"].excess(FAMILY * 121) == "3025 bytes, 3000 fit"


def test_discord_takes_2000_in_the_strictest_reading() -> None:
    assert fits("discord", "a" * 2000) and not fits("discord", "a" * 2001)
    assert utf16_units("😀") == 2
    assert not fits("discord", "😀" * 1001)


def test_terminals_and_webhooks_take_anything() -> None:
    assert fits("console", "a" * 100_000) and fits("webhook", "a" * 100_000)
    assert LIMITS["console"].excess("a" * 100_000) == ""


@given(st.text(alphabet=st.characters(max_codepoint=0x10FF, exclude_characters=".©®", exclude_categories=("Mn", "Cs"))))
def test_light_text_without_links_weighs_its_length_in_nfc(text: str) -> None:
    import unicodedata

    text = "".join(c for c in text if c not in "#*0123456789")
    assert weighted_length(text) == len(unicodedata.normalize("NFC", text))


@given(st.text(max_size=200))
def test_any_text_can_be_counted(text: str) -> None:
    assert 0 <= weighted_length(text) <= 23 * max(1, len(text)) * 3
    assert mastodon_length(text) >= 0
    for start, end in links(text):
        assert 0 <= start < end <= len(text)
