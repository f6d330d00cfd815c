"""Every real file at hand: whole, cut anywhere, glued to another. Never a traceback. Skipped where they are not."""

import random
from itertools import product
from pathlib import Path

import pytest

from finetune.corpus import Corpus, ReadOptions, read
from finetune.errors import CorpusError
from tests.finetune.corpus.making import ALL, write

POSTS = Path(__file__).parents[3].parent / "shared" / "data" / "posts"
FILES = sorted(file for file in POSTS.rglob("*") if file.is_file()) if POSTS.is_dir() else []
HEAD = 60_000  # bytes of each file that are cut and glued; the whole files are read once, below

pytestmark = pytest.mark.skipif(not FILES, reason="The real exports (../shared/data/posts) are not here.")

# Rows that must come out, and the column or layout they must come from: counted by hand or said in their README.
EXPECTED = {
    "airline_tweets/Tweets.csv": (13_900, "text"),
    "clickbait_headlines/clickbait_data.gz": (15_900, "lines"),
    "clickbait_headlines/non_clickbait_data.gz": (15_900, "lines"),
    "covid_tweets/Corona_NLP_test.csv": (3_700, "OriginalTweet"),
    "elon_alt_tweets/adriandittmann_all-tweets.csv": (8_000, "column 3"),
    "fortunes/fortunes": (5_350, "fortunes"),
    "funtweets/funtweets.csv": (18_350, "Joke"),
    "haiku_docmarionum1/gutenberg.csv": (5_600, "haiku"),
    "haiku_docmarionum1/haikuzao.txt": (4_950, "blocks"),
    "haiku_docmarionum1/modern_renaissance.csv": (370, "content"),
    "haiku_docmarionum1/sballas8.csv": (8_200, "column 1"),
    "haiku_docmarionum1/tempslibres.csv": (7_500, "haiku"),
    "chat_export_samples/discord_SV_5A_5M.json": (4, "discord"),
}
PRIVATE = ("discord_DM", "discord_GC", "messenger", "telegram_DM", "telegram_BIG", "whatsapp")


def attempt(path: Path) -> Corpus | str:
    """The corpus, or the sentence that says why there is none."""
    try:
        return read([path], ALL)
    except CorpusError as error:
        sentence = str(error)
        assert len(sentence) < 1_000
        assert sentence.endswith(".")
        return sentence


@pytest.mark.parametrize("name", list(EXPECTED))
def test_the_right_posts_come_out(name: str) -> None:
    """From the right column or layout, and not fewer than there are."""
    least, place = EXPECTED[name]
    corpus = read([POSTS / name], ReadOptions(least_characters=0, keep_near_duplicates=True))
    assert place in (corpus.sniffed[0].text_column, corpus.sniffed[0].format)
    assert len(corpus.rows) >= least
    assert not any("\ufffd" in row.text or "\0" in row.text for row in corpus.rows)


@pytest.mark.parametrize("file", [file for file in FILES if file.name.startswith(PRIVATE)], ids=lambda file: file.name)
def test_private_chats_stay_out(file: Path) -> None:
    """Each chat between people is refused with a sentence that says so."""
    found = attempt(file)
    assert isinstance(found, str)
    assert "private conversations never come in" in found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_cut_at_a_random_byte(file: Path, tmp_path: Path) -> None:
    """A download that broke off."""
    chance = random.Random(file.name)
    data = file.read_bytes()[:HEAD]
    for _ in range(3):
        attempt(write(tmp_path / file.name, data[: chance.randrange(len(data))]))


def test_glued_together(tmp_path: Path) -> None:
    """One file behind another, forty pairs of all."""
    chance = random.Random(3)
    heads = [(file.name, file.read_bytes()[: HEAD // 4]) for file in FILES]
    for (name, one), (_, other) in chance.sample(list(product(heads, heads)), 40):
        attempt(write(tmp_path / name, one + other))


def test_bytes_turned_over(tmp_path: Path) -> None:
    """One byte in a thousand is another."""
    chance = random.Random(5)
    for file in FILES:
        data = bytearray(file.read_bytes()[: HEAD // 4])
        for place in chance.sample(range(len(data)), len(data) // 1000 + 1):
            data[place] = chance.randrange(256)
        attempt(write(tmp_path / file.name, bytes(data)))
