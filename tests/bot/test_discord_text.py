"""What a text may not do on Discord."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.platforms.discord_text import neutralise

ZERO = "\u200b"
# fmt: off
ACTING = [
    "<@1>", "<@!2>", "<@&3>", "<#4>", "</confess:5>", "<:x:6>", "<a:x:7>", "<t:8:R>", "<id:guide>", "@everyone",
    "@here", "discord.gg/abc", "https://discord.gg/abc", "[a](https://x.example)",
]
MARKS = ["**", "__", "`", "||", "\\", "~~", "[", "](", "word", "https://a.example/b_c_d"]
# fmt: on
LINES = ["\n", " ", "# ", "\n# ", "\n> ", "-# ", "DISCORD . com/invite/x"]
pieces = st.sampled_from([*ACTING, *MARKS, *LINES])
texts = st.lists(pieces | st.text(max_size=5), max_size=12).map("".join)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("I never told her.", "I never told her."),
        ("hi @everyone and @here", f"hi @{ZERO}everyone and @{ZERO}here"),
        ("<@123> <@&9> <#7>", f"<{ZERO}@{ZERO}123> <{ZERO}@{ZERO}&9> <{ZERO}#7>"),
        ("[my cat](https://evil.example)", "\\[my cat\\](https://evil.example)"),
        ("a *b* _c_ `d` ||e||", "a \\*b\\* \\_c\\_ \\`d\\` \\|\\|e\\|\\|"),
        ("# big\n> quote\n- list", "\\# big\n\\> quote\n\\- list"),
        ("well-known > half", "well-known > half"),
        ("see https://a.example/b_c_d.", "see https://a.example/b_c_d."),
        ("join discord.gg/abc", f"join discord{ZERO}.gg/abc"),
        ("join https://discord.com/invite/abc", f"join https://discord{ZERO}.com/invite/abc"),
        ("discordapp.com/invite/abc", f"discord{ZERO}app.com/invite/abc"),
        ("mail me@example.org", "mail me@example.org"),
        ("I <3 you", "I <3 you"),
    ],
)
def test_a_text_shows_as_it_was_written(text: str, shown: str) -> None:
    assert neutralise(text) == shown


@given(texts)
def test_nothing_that_acts_is_left(text: str) -> None:
    harmless = neutralise(text)
    assert not re.search(r"<(?:@[!&]?|#|a?:\w+:|t:|id:|/\w+:)\d*", harmless)
    assert "@everyone" not in harmless and "@here" not in harmless
    assert not re.search(r"discord(?:app)?\s*\.\s*(?:gg|com\s*/\s*invite)", harmless, re.IGNORECASE)
    assert not re.search(r"(?<!\\)(?:\\\\)*\[[^\n]*\]\(", harmless)


@given(texts)
def test_only_invisible_marks_and_backslashes_are_added(text: str) -> None:
    kept = neutralise(text).replace(ZERO, "").replace("\\", "")
    assert kept == text.replace(ZERO, "").replace("\\", "")
