"""The word list: tiers, borders, wildcards, patterns, places, allowed words, and the owner's file."""

import subprocess
import sys
import threading
import tomllib
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from time import thread_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation import words
from moderation.context import Context
from moderation.errors import WordlistError, WordRefused
from moderation.filters.wordlist import Covers, WordlistFilter
from moderation.gate import default_gate
from moderation.normalise import normalise
from moderation.verdict import Decision
from moderation.words import Word

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)


def _found(entries: list[Word], text: str, context: Context | None = None) -> list[tuple[str, str]]:
    found = WordlistFilter(entries).judge(normalise(text), context or Context())
    return [
        (finding.category, text[finding.span.start : finding.span.end]) for finding in found if finding.span is not None
    ]


def _built_in(text: str, context: Context | None = None) -> list[str]:
    found = WordlistFilter(words.built_in()).judge(normalise(text), context or Context())
    return [finding.category for finding in found]


def test_words_are_whole_words() -> None:
    entries = [Word("crumpet", "block")]
    assert _found(entries, "A Crumpet, please") == [("blocked-word", "Crumpet")]
    assert _found(entries, "crumpets and scrumpet") == []


def test_phrases_are_found_across_any_space_and_border() -> None:
    entries = [Word("toast soldiers", "hold")]
    assert _found(entries, "Toast\n soldiers!") == [("held-word", "Toast\n soldiers")]
    assert _found(entries, "toast-soldiers") == [("held-word", "toast-soldiers")]
    assert _found(entries, "toast for soldiers") == []


@pytest.mark.parametrize(
    ("pattern", "text", "marked"),
    [
        ("crump*", "two crumpets", "crumpets"),
        ("*umpet", "a crumpet", "crumpet"),
        ("*rump*", "scrumpets", "scrumpets"),
        ("/cr.mp(et)?/", "a crimp", "crimp"),
        (r"/\bno+\b/", "noooo", "noooo"),
    ],
)
def test_wildcards_and_patterns(pattern: str, text: str, marked: str) -> None:
    assert _found([Word(pattern, "hold")], text) == [("held-word", marked)]


def test_a_pattern_that_ruins_other_engines_is_quick_here() -> None:
    entries = [Word("/(a+)+$/", "hold")]
    wordlist = WordlistFilter(entries)
    text = normalise("ab" * 2000 + "!")
    began = thread_time()
    wordlist.judge(text, Context())
    assert thread_time() - began < 0.5


def test_more_patterns_than_one_set_holds() -> None:
    """RE2 gives a set of patterns 8 MB; some 5,000 do not fit."""
    entries = [Word(f"*wordy{number}dish*", "hold") for number in range(5_000)]
    wordlist = WordlistFilter(entries)
    assert len(wordlist._lexicon.sets) > 1
    found = wordlist.judge(normalise("a wordy7dish, two Wordy4999dishes"), Context())
    assert len(found) == 2


def test_an_entry_counts_only_in_its_places() -> None:
    entries = [Word("crumpet", "block", platforms=("x",)), Word("scone", "hold", servers=("7",))]
    text = "crumpet and scone"
    assert _found(entries, text) == []
    assert _found(entries, text, Context("x")) == [("blocked-word", "crumpet")]
    assert _found(entries, text, Context("discord", server="7")) == [("held-word", "scone")]
    assert _found(entries, text, Context("discord", server="8")) == []


def test_an_allowed_word_lets_a_listed_one_through_only_where_it_covers_it() -> None:
    entries = [Word("*hell*", "hold"), Word("shell", "allow"), Word("hello", "allow")]
    assert _found(entries, "hello shell") == []
    assert _found(entries, "hello hellish") == [("held-word", "hellish")]


def test_a_crowd_of_allowed_words_hides_nothing() -> None:
    assert _built_in("Scunthorpe " * 300 + "cunt") == ["swearing"]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30))), st.integers(0, 30), st.integers(0, 30))
def test_covers_are_what_they_say(ranges: list[tuple[int, int]], start: int, end: int) -> None:
    assert Covers(ranges).hold(start, end) is any(first <= start and end <= last for first, last in ranges)


def test_a_change_of_the_file_counts_once_it_is_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "words.toml"
    gate = default_gate(wordlist_file=path)
    version = gate.judge("a crumpet").runs[1].version
    words.add(path, Word("crumpet", "block"), who="ann", now=NOW)
    gate.refresh()
    verdict = gate.judge("a crumpet")
    assert verdict.decision is Decision.BLOCK
    assert verdict.runs[1].version != version
    words.remove(path, "crumpet", who="ann", now=NOW)
    gate.refresh()
    assert gate.judge("a crumpet").decision is Decision.ALLOW


def test_what_judges_has_a_mark_that_changes_with_words_for_all(tmp_path: Path) -> None:
    path = tmp_path / "words.toml"
    gate = default_gate(wordlist_file=path)
    assert gate.rules == gate.policy.hash == gate.judge("a scone").policy
    words.add(path, Word("scone", "hold", servers=("7",)), who="ann", now=NOW)
    gate.refresh()
    assert gate.rules == gate.policy.hash  # one server's words do not make the others' posts old
    words.add(path, Word("scone", "hold", why="sued"), who="ann", now=NOW)
    gate.refresh()
    marked = gate.rules
    assert marked != gate.policy.hash and gate.judge("a scone").policy == marked
    words.add(path, Word("scone", "hold", why="twice"), who="bob", now=NOW)
    gate.refresh()
    assert gate.rules == marked  # who and why judge nothing
    gate.close()


def test_a_server_s_own_words_decide_what_suits_it(tmp_path: Path) -> None:
    path = tmp_path / "words.toml"
    words.add(path, Word("scone", "hold", servers=("7",)), who="ann", now=NOW)
    gate = default_gate(wordlist_file=path)
    assert [gate.suits("a scone", Context("discord", server=server)) for server in ("7", "8", None)] == [
        False,
        True,
        True,
    ]
    assert gate.suits("a crumpet", Context("discord", server="7"))
    gate.close()


def test_a_file_that_breaks_meanwhile_leaves_the_old_list_in_force(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "words.toml"
    words.add(path, Word("crumpet", "block"), who="ann", now=NOW)
    gate = default_gate(wordlist_file=path)
    path.write_text("[[word]\n")
    gate.refresh()
    gate.refresh()
    assert gate.judge("a crumpet").decision is Decision.BLOCK
    assert len([record for record in caplog.records if "stays in force" in record.message]) == 1


def test_an_allowed_place_does_not_spread() -> None:
    entries = [Word("crumpet", "block"), Word("crumpet", "allow", servers=("7",))]
    assert _found(entries, "crumpet", Context(server="7")) == []
    assert _found(entries, "crumpet", Context(server="8")) == [("blocked-word", "crumpet")]


def test_the_owner_s_word_wins_over_the_built_in_one(tmp_path: Path) -> None:
    path = tmp_path / "words.toml"
    words.add(path, Word("bitch", "allow"), who="ann", now=NOW)
    found = WordlistFilter.load(path).judge(normalise("son of a bitch"), Context())
    assert found == []
    assert _built_in("son of a bitch") == ["swearing"]


@pytest.mark.parametrize(
    "text",
    [
        "I come from Scunthorpe, near Penistone",
        "I read Anne Sexton in the bath",
        "Moby Dick and Dick Van Dyke",
        "cumin, sexton, cocktail, class, assassin, hoe, raccoon, niggle, analysis",
        "We saw a blue tit, a great tit and a cocker spaniel",
        "rapping at the wedding, therapist, grape and drape",
        "shitake mushrooms; fire retardant curtains",
        "that's hit the spot, it's hit me",
        "damn, crap, bloody hell and arse",
    ],
)
def test_innocent_words_that_hold_a_listed_one_pass(text: str) -> None:
    assert _built_in(text) == []


def test_the_built_in_list_knows_slurs_from_swearing() -> None:
    kinds = {word.category for word in words.built_in() if word.tier != "allow"}
    assert kinds == {"swearing", "slur", "sexual-word", "held-word", "minors"}
    assert all(
        (word.tier == "block") is (word.category in {"slur", "minors"}) for word in words.built_in() if word.category
    )


def test_every_word_in_the_tiers_is_on_the_package_s_list_and_in_one_table_only() -> None:
    tiers = tomllib.loads(resources.files("moderation").joinpath("tiers.toml").read_text("utf-8"))
    listed = {word.word for word in words.built_in()} | set(tiers["mild"])
    tables = ["mild", "swearing", "slur", "held-word", "minors"]
    named = [word for table in tables for word in tiers[table]]
    assert len(named) == len(set(named))
    assert set(named) <= listed


def test_the_file_says_who_and_when_and_keeps_what_was_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "lists" / "words.toml"
    words.add(path, Word("crumpet", "block", platforms=("x",), why="we were sued"), who="terminal:ann", now=NOW)
    words.add(path, Word("scone", "hold"), who="terminal:bob", now=NOW)
    own = words.remove(path, "crumpet", who="discord:7", now=NOW)
    assert own == words.load(path)
    assert [(word.word, word.by, word.at) for word in own.words] == [("scone", "terminal:bob", NOW)]
    assert [(word.word, word.by, word.why) for word in own.removed] == [("crumpet", "discord:7", "we were sued")]


def test_adding_a_word_again_replaces_it(tmp_path: Path) -> None:
    path = tmp_path / "words.toml"
    words.add(path, Word("scone", "hold"), who="ann", now=NOW)
    own = words.add(path, Word("scone", "block"), who="bob", now=NOW)
    assert [(word.tier, word.by) for word in own.words] == [("block", "bob")]


def test_what_a_new_entry_replaces_is_kept_too(tmp_path: Path) -> None:
    path = tmp_path / "words.toml"
    words.add(path, Word("scone", "block", why="sued"), who="ann", now=NOW)
    own = words.add(path, Word("scone", "allow"), who="bob", now=NOW)
    assert [(word.tier, word.why, word.by) for word in own.removed] == [("block", "sued", "bob")]


def test_editors_in_threads_and_processes_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "words.toml"
    script = (
        "import sys\nfrom datetime import UTC, datetime\nfrom pathlib import Path\nfrom moderation.words import *\n"
        "for n in range(15): add(Path(sys.argv[1]), Word(f'other {n}', 'hold'), who='b', now=datetime.now(UTC))"
    )
    other = subprocess.Popen([sys.executable, "-c", script, str(path)])

    def edit(name: str) -> None:
        for number in range(15):
            words.add(path, Word(f"{name} {number}", "hold"), who=name, now=NOW)

    threads = [threading.Thread(target=edit, args=(name,)) for name in ("ann", "cat")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert other.wait(30) == 0
    wanted = {f"{name} {number}" for name in ("ann", "cat", "other") for number in range(15)}
    assert {word.word for word in words.load(path).words} == wanted


def test_a_list_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(WordlistError, match=r"words\.toml cannot be written"):
        words.add(tmp_path / "taken" / "words.toml", Word("scone", "hold"), who="ann", now=NOW)


def test_half_a_character_is_refused_before_the_file_is_touched(tmp_path: Path) -> None:
    path = tmp_path / "words.toml"
    with pytest.raises(WordRefused, match="half a character"):
        words.add(path, Word("sco\ud800ne", "hold"), who="ann", now=NOW)
    assert not path.exists()


def test_a_server_s_list_has_an_end_and_its_history_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_HISTORY", 3)
    path = tmp_path / "words.toml"
    words.add(path, Word("everywhere", "hold"), who="ann", now=NOW)
    words.remove(path, "everywhere", who="ann", now=NOW)
    for number in range(5):
        words.add(path, Word(f"w{number}", "hold", servers=("7",)), who="bob", now=NOW, most=1)
        with pytest.raises(WordRefused, match="full at 1 words"):
            words.add(path, Word("one more", "hold", servers=("7",)), who="bob", now=NOW, most=1)
        own = words.remove(path, f"w{number}", who="bob", now=NOW)
    assert [word.word for word in own.removed] == ["everywhere", "w2", "w3", "w4"]


def test_only_the_entries_that_are_meant_are_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "words.toml"
    for servers in ((), ("7",), ("8",)):
        words.add(path, Word("scone", "hold", servers=servers), who="ann", now=NOW)
    own = words.remove(path, "scone", who="bob", now=NOW, only=lambda entry: entry.servers == ("7",))
    assert [word.servers for word in own.words] == [(), ("8",)]
    assert len({word.mark for word in (*own.words, *own.removed)}) == 3


_PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(_PLAIN.filter(lambda word: bool(word.strip(" *")) and not word.startswith("/")), _PLAIN)
def test_any_word_survives_the_file(tmp_path_factory: pytest.TempPathFactory, word: str, why: str) -> None:
    path = tmp_path_factory.mktemp("words") / "words.toml"
    entry = Word(word, "hold", platforms=("x", why), why=why)
    own = words.add(path, entry, who=why, now=NOW)
    assert words.load(path) == own
    assert own.words[0].word == word and own.words[0].why == why


@pytest.mark.parametrize(
    ("content", "words_of_it"),
    [
        ("[[word]\n", "not valid TOML"),
        ('[[word]]\nword = "a"\ntier = "maybe"\n', "block, hold or allow"),
        ('[[word]]\nword = "a"\ntier = "hold"\ncolour = 1\n', "colour is wrong"),
        ('[[word]]\ntier = "hold"\n', "word is wrong"),
        ('[[word]]\nword = "/(/"\ntier = "hold"\n', "regular expression"),
        ('[[word]]\nword = "**"\ntier = "hold"\n', "with a letter"),
        ('[[word]]\nword = 5\ntier = "hold"\n', "word is wrong"),
        ("word = 5\n", "not a list of words"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path: Path, content: str, words_of_it: str) -> None:
    path = tmp_path / "words.toml"
    path.write_text(content)
    with pytest.raises(WordlistError, match=words_of_it) as caught:
        words.load(path)
    assert "words.toml" in str(caught.value)


def test_removing_a_word_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WordlistError, match="tier allow"):
        words.remove(tmp_path / "words.toml", "bitch", who="ann", now=NOW)


def test_a_file_that_is_not_there_is_an_empty_list(tmp_path: Path) -> None:
    assert words.load(tmp_path / "none.toml") == words.OwnList()
