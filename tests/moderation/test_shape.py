"""Shape: what is malformed is found where it is, and ordinary posts are not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.context import Context
from moderation.filters.shape import ShapeFilter
from moderation.normalise import normalise
from moderation.policy import Shape

_FLAG = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


def _categories(text: str, shape: Shape | None = None, *, role: str = "text") -> list[str]:
    found = ShapeFilter(shape).judge(normalise(text), Context(role=role))
    return [finding.category for finding in found]


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        ("🥁🥁", "empty"),
        ("?!…", "empty"),
        ("word " * 500, "too-long"),
        ("a bell \x07 rang", "control"),
        ("half a \ud800 pair", "control"),
        ("private \ue000 use", "control"),
        ("f\u200bunny", "hidden"),
        ("soft\u00adhyphen", "hidden"),
        ("turn \u202eround", "bidi"),
        ("isolate \u2067this", "bidi"),
        ("hello\U000e0068\U000e0069", "tags"),
        ("z\u0336\u0337\u0338algo", "zalgo"),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "loop"),
        ("hahahahahahahahahahahahahaha", "loop"),
        ("and then and then and then and then and then", "loop"),
        ("I told him that I told him that I told him that I", "loop"),
        ("no no no no no no", "loop"),
        ('He said "hello and left', "quotes"),
        ("He said “hello and left", "quotes"),
        ("Ich habe das nicht gesehen und auch nicht mit dem Hund", "language"),
        ("Je ne sais pas pourquoi elle est dans la maison avec le chat", "language"),
        ("Привет, я не знаю почему он здесь", "language"),
        ("昨日は猫と一緒に公園へ行きましたよ", "language"),
        ("The cafÃ© was closed and so was the rÃ©sumÃ© shop", "mojibake"),
        ("a broken \ufffd letter", "mojibake"),
        ("@everyone come here", "mass-mention"),
        ("@here now", "mass-mention"),
        ("hello <@&123456>", "mass-mention"),
        ("@ann @bob @cid @dan look", "mass-mention"),
        ("join discord.gg/abcdef", "invite"),
        ("join discord . gg / abcdef", "invite"),
        ("https://discord.com/invite/abc", "invite"),
        ("chat.whatsapp.com/AbCdEf", "invite"),
        ("[my bank](https://evil.example/x)", "masked-link"),
        ("[my bank](<https://evil.example/x>)", "masked-link"),
        ('<a href="https://evil.example">my bank</a>', "masked-link"),
        ("see https://example.com/x", "link"),
        ("see http : // example.com", "link"),
        ("see evil-shop.xyz today", "link"),
    ],
)
def test_each_fault_is_found(text: str, category: str) -> None:
    assert category in _categories(text)


@pytest.mark.parametrize(
    "text",
    [
        "I told the vicar that the jam was home made.",
        "So I said no. No, no, no! And he said “fine”, and that was that.",
        'She said "5\'10"" wrong, twice.'.replace('"5', "5").replace('""', '"'),
        f"England expects {_FLAG} every man",
        "A family 👨‍👩‍👧‍👦 and a heart ❤️",
        "naïve café, Zoë and Renée",
        "Ha ha ha, very funny",
        "It was 10.30 and the price was £4.50.",
        "Mr.Smith went home.And then he slept.",
        "Ja, ich weiß",  # too short to tell
        "e.g. this and i.e. that",
        "@ann saw it",
        "5 minutes… then nothing------------------------------",
        "Très bien",
    ],
)
def test_ordinary_posts_are_left_alone(text: str) -> None:
    assert _categories(text) == []


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("see https://example.com/x now", "https://example.com"),
        ("oh @everyone hello", "@everyone"),
        ("a\u200bb c", "\u200b"),
        ("x \U000e0041\U000e0042 y", "\U000e0041\U000e0042"),
    ],
)
def test_the_span_is_in_the_original(text: str, marked: str) -> None:
    found = ShapeFilter().judge(normalise(text), Context())
    spans = [finding.span for finding in found if finding.span is not None]
    assert any(marked in text[span.start : span.end] for span in spans)


def test_links_on_the_list_pass_with_their_subdomains_and_nothing_else() -> None:
    shape = Shape(links=("example.com",))
    assert _categories("https://example.com/a and https://www.example.com/b", shape) == []
    assert _categories("https://badexample.com", shape) == ["link"]
    assert _categories("https://example.com.evil.net", shape) == ["link"]
    assert _categories("https://example.com@evil.net/", shape) == ["link"]


def test_the_owner_says_how_long_and_in_which_language() -> None:
    shape = Shape(max_characters=10, languages=("de",))
    assert _categories("12345678901", shape) == ["too-long"]
    assert _categories("Ich habe das nicht gesehen und auch nicht", Shape(languages=("de",))) == []
    assert _categories("I have not seen it and that is the truth of it", Shape(languages=("de",))) == ["language"]
    assert _categories("Ich habe das nicht gesehen und auch nicht", Shape(languages=())) == []


def test_a_prompt_need_not_be_a_whole_text() -> None:
    assert _categories('he said "and', role="prompt") == []
    assert _categories("no no no no no no no", role="prompt") == []
    assert _categories("@everyone", role="prompt") == ["mass-mention"]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["the", "cat", "sat", "here", "and", "slept"]), min_size=3, max_size=8, unique=True),
    st.integers(3, 6),
)
def test_any_phrase_said_three_times_in_a_row_is_a_loop(phrase: list[str], times: int) -> None:
    assert "loop" in _categories(" ".join(phrase * times) + " end")


@settings(deadline=None)
@given(st.lists(st.sampled_from(["the", "cat", "sat", "on", "a", "mat"]), min_size=1, max_size=8, unique=True))
def test_a_phrase_said_twice_is_not(phrase: list[str]) -> None:
    assert "loop" not in _categories(" ".join(phrase * 2))
