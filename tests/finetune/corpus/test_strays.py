"""Lines of a private chat and lines of JSON stay out, whatever they were glued to."""

import csv
import io
import json
from pathlib import Path

import pytest

from finetune.corpus.strays import stray
from tests.finetune.corpus.making import POSTS, drops, texts, write

CHATS = (
    "1/2/21, 12:01 - Ada: meet me behind the bakery\n1/2/21, 12:02 - Bo: bring the goose\n",
    "[02.01.21, 12:01:30] Ada: meet me behind the bakery\n[02.01.21, 12:02:10] Bo: bring the goose\n",
    "2021-01-02, 1:01 PM - Ada: meet me behind the bakery\n2021-01-02, 1:02 PM - Bo: bring the goose\n",
    json.dumps([{"from": "Ada", "text": "meet me behind the bakery"}, {"from": "Bo", "text": "bring the goose"}])
    + "\n",
    json.dumps({"type": "personal_chat", "messages": [{"text": "bring the goose"}]}, indent=1) + "\n",
)


def table() -> str:
    """The posts as a CSV with two columns."""
    out = io.StringIO()
    csv.writer(out).writerows([("id", "text"), *((str(n), post) for n, post in enumerate(POSTS))])
    return out.getvalue()


@pytest.mark.parametrize("chat", CHATS)
@pytest.mark.parametrize("public", ["\n".join(POSTS) + "\n", "\n%\n".join(POSTS) + "\n", table()], ids=len)
def test_a_chat_glued_to_posts_stays_out(public: str, chat: str, tmp_path: Path) -> None:
    """Behind them, and a text before them; the posts come in. (JSON in front is read as JSON, by its own rules.)"""
    for whole in (public + chat, chat + public)[: 1 if chat.startswith(("{", '[{"')) else 2]:
        path = write(tmp_path / ("glued.csv" if "id,text" in public else "glued.txt"), whole)
        found = texts(path)
        assert not any("goose" in text or "bakery" in text for text in found)
        assert all(any(post in text for text in found) for post in POSTS[1:-1])
        assert {drop.reason for drop in drops(path)} <= {"direct message", "no post", "too short", "empty"}


@pytest.mark.parametrize(
    "post",
    [
        *POSTS,
        '"Trainspotting": Then Vs Now',
        '"Would You Rather?": Hot Guys Then Vs. Now',
        "12:30 and still no lunch - my boss: unmoved.",
        "1/2 of the cake is gone: the other half is evidence.",
        "24/7 - that is how often I think: no.",
        "[screaming] in the library, quietly",
        "{curly} people: a theory",
    ],
)
def test_posts_that_only_look_a_little_like_it_stay(post: str) -> None:
    """Quotes, times, fractions and brackets are what posts are made of."""
    assert stray(post) is None
