"""Forgetting: what was taken back is never learned again, and what learned it is marked."""

import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.corpus import Drop, ReadOptions, read
from finetune.corpus.audit import audit
from finetune.corpus.card import write as write_card
from finetune.corpus.clean import clean, every_form
from finetune.corpus.forget import forget
from finetune.corpus.rules import FORGET_FILE, LONGEST_PATTERN, Rule, remember, rules_for
from finetune.errors import BadOption, UnreadableCorpus
from generation.adapter import stale_since
from tests.finetune.corpus.making import POSTS, read_all, records, texts, write, write_lines

NOW = datetime(2026, 1, 5, tzinfo=UTC)
MAIL = "Write to ada.lovelace@example.org about the cat, she knows everything."


def test_an_author_is_forgotten_and_adapters_marked(tmp_path: Path) -> None:
    """The rows never come in again, not with a fresh export either; the adapter that learned them is stale."""
    path = records(tmp_path)
    write_card(tmp_path / "adapters" / "knows", read_all(path))
    other = read_all(write(tmp_path / "else" / "other.txt", "Somebody else wrote this, and only this."))
    write_card(tmp_path / "adapters" / "does-not", other)
    found = forget([path], Rule(author="@ada"), adapters=tmp_path / "adapters", now=NOW)
    assert (found.rows, found.stale) == (2, ("knows",))
    assert texts(path) == [POSTS[0], POSTS[2], POSTS[4]]
    assert read_all(path).drops == {"forgotten": 2}
    stale = stale_since(tmp_path / "adapters" / "knows")
    assert stale is not None
    assert (stale["rows"], stale["at"]) == (2, NOW.isoformat())
    assert stale_since(tmp_path / "adapters" / "does-not") is None
    fresh = write_lines(
        tmp_path / "export-2.jsonl", [{"text": "A new post of hers, just in.", "author": "ADA"}, {"text": POSTS[0]}]
    )
    assert texts(fresh) == [POSTS[0]]


def test_a_pattern_is_forgotten_in_a_folder(tmp_path: Path) -> None:
    """RE2 syntax, any case; the rule stands once however often it is given."""
    write(tmp_path / "corpus" / "a.txt", "\n".join(POSTS))
    for _ in range(2):
        forget([tmp_path / "corpus"], Rule(match=r"\bDENTIST\b|gerald"), adapters=None, now=NOW)
    assert texts(tmp_path / "corpus") == [POSTS[1], POSTS[3], POSTS[4]]
    assert len((tmp_path / "corpus" / "forget.jsonl").read_text().splitlines()) == 1


def test_a_scrubbed_row_is_found_again(tmp_path: Path) -> None:
    """What an adapter learned in scrubbed form counts as learned."""
    path = write(tmp_path / "a.txt", "\n".join([*POSTS, MAIL]))
    write_card(tmp_path / "adapters" / "one", audit(read_all(path)))
    assert forget([path], Rule(match="ada.lovelace"), adapters=tmp_path / "adapters", now=NOW).stale == ("one",)


def test_nothing_matches_nothing_is_written(tmp_path: Path) -> None:
    """A typo leaves no rule behind."""
    path = records(tmp_path)
    assert forget([path], Rule(author="nobody"), adapters=None, now=NOW).rows == 0
    assert not (tmp_path / "forget.jsonl").exists()


def test_forgotten_text_is_not_listed(tmp_path: Path) -> None:
    """--dropped shows that rows were forgotten, not what they said."""
    path = records(tmp_path)
    forget([path], Rule(author="ada"), adapters=None, now=NOW)
    drops: list[Drop] = []
    read([path], ReadOptions(least_characters=0), dropped=drops.append)
    assert {(drop.reason, drop.text) for drop in drops} == {("forgotten", "")}


@pytest.mark.parametrize("rule", [{}, {"author": "a", "match": "b"}, {"author": " "}, {"match": "(unclosed"}])
def test_rules_that_mean_nothing_are_refused(rule: dict[str, str]) -> None:
    """One of the two, and readable."""
    with pytest.raises(BadOption):
        Rule(**rule)


def test_a_damaged_list_stops_reading(tmp_path: Path) -> None:
    """Otherwise forgotten rows would come back."""
    path = records(tmp_path)
    write(tmp_path / "forget.jsonl", '{"author": "a"}\n{"aut')
    with pytest.raises(UnreadableCorpus, match="Line 2 of"):
        read_all(path)
    write(tmp_path / "forget.jsonl", '{"author": "a"}\n\n{"match": "b"}\n')
    assert len(rules_for(path)) == 2


@pytest.mark.parametrize("listed", ["all", "all/mine", "all/mine/posts.txt"])
@pytest.mark.parametrize("read_from", ["all", "all/mine", "all/mine/posts.txt", "link.txt"])
def test_a_list_holds_whichever_way_the_posts_are_reached(listed: str, read_from: str, tmp_path: Path) -> None:
    """Written for a folder, the folder in it or the file; read as any of these, or through a link from elsewhere."""
    write(tmp_path / "all" / "mine" / "posts.txt", "\n".join(POSTS))
    (tmp_path / "link.txt").symlink_to(tmp_path / "all" / "mine" / "posts.txt")
    forget([tmp_path / listed], Rule(match="gerald"), adapters=None, now=NOW)
    assert texts(tmp_path / read_from) == [post for post in POSTS if "Gerald" not in post]


@pytest.mark.parametrize("options", [{}, {"keep_urls": True}, {"keep_mentions": True}], ids=str)
@pytest.mark.parametrize("pattern", [r"^@ada\b", r"example\.org/ada", "^hello from"])
def test_a_pattern_is_looked_for_in_every_form_of_a_post(
    pattern: str, options: dict[str, bool], tmp_path: Path
) -> None:
    """Its address and its mention are no longer in the row that is learned; it is forgotten all the same."""
    path = write(tmp_path / "a.txt", "\n".join([*POSTS, "@ada hello from the roof, see https://example.org/ada now"]))
    wanted = ReadOptions(least_characters=0, **options)  # type: ignore[arg-type]
    write_card(tmp_path / "adapters" / "one", read_all(path, wanted))
    found = forget([path], Rule(match=pattern), adapters=tmp_path / "adapters", now=NOW)
    assert (found.rows, found.stale) == (1, ("one",))
    assert texts(path, wanted) == list(POSTS)


@given(st.text(max_size=60), st.booleans(), st.booleans())
def test_every_form_is_among_the_forms(text: str, keep_urls: bool, keep_mentions: bool) -> None:
    assert clean(text, ReadOptions(keep_urls=keep_urls, keep_mentions=keep_mentions)) in every_form(text)


def test_two_who_wrote_the_same(tmp_path: Path) -> None:
    """The other's copy comes first and hides hers from the corpus, not from the rule."""
    rows = [{"text": POSTS[0], "author": "bo"}, {"text": POSTS[0], "author": "ada"}, {"text": POSTS[1], "author": "bo"}]
    path = write_lines(tmp_path / "a.jsonl", rows)
    assert forget([path], Rule(author="ada"), adapters=None, now=NOW).rows == 1
    assert texts(path) == [POSTS[0], POSTS[1]]


def test_the_column_can_be_named(tmp_path: Path) -> None:
    """As for the training, so that the same posts are found."""
    path = write(tmp_path / "a.csv", "text,secret\n" + "".join(f'"{post}","{post[::-1]}"\n' for post in POSTS))
    named = ReadOptions(text_column="secret", least_characters=0)
    write_card(tmp_path / "adapters" / "one", read_all(path, named))
    rule = Rule(match=POSTS[2][:12][::-1])
    assert forget([path], rule, adapters=tmp_path / "adapters", now=NOW).rows == 0
    assert forget([path], rule, adapters=tmp_path / "adapters", now=NOW, options=named).stale == ("one",)


def test_asked_again_it_marks_what_was_trained_meanwhile(tmp_path: Path) -> None:
    """The date of the first wish stays, the rows are not counted twice."""
    path, adapters = records(tmp_path), tmp_path / "adapters"
    corpus = read_all(path)
    write_card(adapters / "one", corpus)
    forget([path], Rule(author="ada"), adapters=adapters, now=NOW)
    write_card(adapters / "copied-here-later", corpus)
    again = forget([path], Rule(author="ada"), adapters=adapters, now=NOW + timedelta(days=9))
    assert (again.rows, again.stale) == (2, ("copied-here-later", "one"))
    told = stale_since(adapters / "one")
    assert told is not None and (told["at"], told["rows"]) == (NOW.isoformat(), 2)
    assert len((tmp_path / FORGET_FILE).read_text().splitlines()) == 1


def test_an_adapter_whose_list_is_damaged_counts_as_stale(tmp_path: Path) -> None:
    """Rather one training too many."""
    path = records(tmp_path)
    write_card(tmp_path / "adapters" / "one", read_all(path))
    rows = tmp_path / "adapters" / "one" / "data-rows.npy"
    rows.write_bytes(rows.read_bytes()[:20])
    assert forget([path], Rule(match="dentist"), adapters=tmp_path / "adapters", now=NOW).stale == ("one",)
    write(tmp_path / "adapters" / "one" / "stale.json", "{")
    assert stale_since(tmp_path / "adapters" / "one") == {}


def test_a_list_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """With no room left the old one stays; the kernel says no at 100 bytes."""
    path = records(tmp_path)
    remember(path, Rule(match="x" * 60))
    before = (tmp_path / FORGET_FILE).read_bytes()
    script = (
        "import resource, sys\nfrom pathlib import Path\nfrom finetune.corpus.rules import Rule, remember\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try:\n    remember(Path(sys.argv[1]), Rule(match='y' * 60))\n"
        "except OSError as error:\n    print(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(27)  # EFBIG
    assert (tmp_path / FORGET_FILE).read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == [FORGET_FILE, "posts.jsonl"]


def test_a_moved_corpus_takes_its_list_along(tmp_path: Path) -> None:
    """The folder with the posts is what is copied from machine to machine."""
    write(tmp_path / "here" / "a.txt", "\n".join(POSTS))
    forget([tmp_path / "here" / "a.txt"], Rule(match="dentist"), adapters=None, now=NOW)
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    assert texts(tmp_path / "there") == list(POSTS[1:])


def test_a_pattern_nobody_means_is_refused() -> None:
    """Cut short, it would match something else."""
    with pytest.raises(BadOption, match="at most 2,000"):
        Rule(match="a" * (LONGEST_PATTERN + 1))
