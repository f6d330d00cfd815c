"""The audit, the data card, forgetting, and the command in front of them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from finetune.corpus import Corpus, Drop
from finetune.corpus.audit import audit, corpus_gate, looks_like_several, scrub
from finetune.corpus.card import NO_CONSENT
from finetune.corpus.card import write as write_card
from finetune.corpus.findings import Action, Audit
from finetune.errors import BadOption, EmptyCorpus
from moderation.gate import FAILED
from moderation.verdict import Decision, Finding, Span, Verdict
from tests.finetune.corpus.making import POSTS, read_all, records, write

NOW = datetime(2026, 1, 5, tzinfo=UTC)
MAIL = "Write to ada.lovelace@example.org about the cat, she knows everything."
SLUR = "You are a complete bastard, said the parrot to the vicar on Sunday."


class Finder:
    """Judges by looking for words: a stand-in for the gate with findings the test chooses."""

    def __init__(self, **words: str) -> None:
        self.words = words

    def judge_many(self, posts: Sequence[str]) -> list[Verdict]:
        """One finding for each category whose word stands in the text."""
        return [
            Verdict(
                Decision.HOLD,
                tuple(
                    Finding(
                        "finder", category, Decision.HOLD, "found", Span(post.index(word), post.index(word) + len(word))
                    )
                    for category, word in self.words.items()
                    if word in post
                ),
            )
            for post in posts
        ]


def choosing(corpus: Corpus, **choices: tuple[str, ...]) -> Corpus:
    """The corpus with other options for the audit."""
    return replace(corpus, options=replace(corpus.options, **choices))  # type: ignore[arg-type]


def audited(corpus: Corpus) -> Audit:
    """What the audit found."""
    assert corpus.audit is not None
    return corpus.audit


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """Five harmless posts, one with an address, one with an insult."""
    return read_all(write(tmp_path / "a.txt", "\n".join([*POSTS, MAIL, SLUR])))


def test_the_real_gate_finds_an_address(corpus: Corpus) -> None:
    """With the defaults: the address is scrubbed, everything else stays as it was."""
    changed = audit(corpus)
    found = audited(changed)
    assert found.findings["email"].rows == 1
    assert found.scrubbed == 1
    kept = [row.text for row in changed.rows]
    assert "ada.lovelace" not in "".join(kept)
    assert kept[5].startswith("Write to … about the cat")
    assert kept[:5] == list(POSTS)
    assert changed.sha256 != corpus.sha256
    assert changed.rows[5].hash == corpus.rows[5].hash  # so that forgetting still finds it


def test_keep_scrub_and_drop(corpus: Corpus) -> None:
    """Each category by its own choice; drops are counted and listed."""
    drops: list[Drop] = []
    judge = Finder(animal="parrot", email="ada.lovelace@example.org", boss="boss")
    corpus = choosing(corpus, drop=("animal",), keep=("email",), scrub=("boss",))
    changed = audit(corpus, judge=judge, dropped=drops.append)
    found = audited(changed)
    kept = [row.text for row in changed.rows]
    assert SLUR not in kept
    assert MAIL in kept
    assert "We named the printer after the … because neither of them ever works on a Monday." in kept
    assert changed.drops == {"audit: animal": 1}
    assert [(drop.reason, drop.text) for drop in drops] == [("audit: animal", SLUR)]
    assert (found.judged, found.of, found.scrubbed, found.dropped) == (7, 7, 1, 1)
    assert found.findings["animal"].action is Action.DROP
    assert changed.characters == sum(map(len, kept))


def test_what_cannot_be_scrubbed_is_dropped(corpus: Corpus) -> None:
    """A finding on the whole text leaves nothing to keep."""
    changed = audit(choosing(corpus, scrub=("everything",)), judge=Finder(everything=SLUR))
    assert audited(changed).dropped == 1
    assert SLUR not in [row.text for row in changed.rows]


def test_what_could_not_be_judged_is_not_learned(corpus: Corpus) -> None:
    """A filter that fails on a row says so in a finding of its own."""
    changed = audit(corpus, judge=Finder(**{FAILED: "parrot"}))
    assert SLUR not in [row.text for row in changed.rows]
    assert changed.drops == {f"audit: {FAILED}": 1}


def test_a_busy_machine_lets_nothing_through(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a filter takes, an audit waits for it; a gate in front of people would not."""
    gate = corpus_gate()
    clock = iter(range(0, 10**9, 1_000))  # a thousand seconds between any two looks at it
    monkeypatch.setattr("moderation.gate.perf_counter", lambda: next(clock))
    assert audited(audit(corpus, judge=gate)).findings["email"].rows == 1
    assert not gate.alarms


def test_a_quick_look_changes_nothing(corpus: Corpus) -> None:
    """Some rows are judged, none is dropped."""
    changed = audit(choosing(corpus, drop=("cat",)), judge=Finder(cat="a"), most=3)
    assert list(changed.rows) == list(corpus.rows)
    assert (audited(changed).judged, audited(changed).of) == (3, 7)
    assert audited(changed).findings["cat"].rows == 3


def test_dropping_everything_is_said(corpus: Corpus) -> None:
    """An empty corpus is no result."""
    with pytest.raises(EmptyCorpus, match="dropped every row"):
        audit(choosing(corpus, drop=("any",)), judge=Finder(any=" "))


def test_the_account_tells_it_all(corpus: Corpus) -> None:
    """The file, five rows, the count, the findings: what `confess finetune` says before it trains."""
    told = audit(corpus, judge=Finder(animal="parrot")).account
    assert told[0] == "a.txt: plain text, a post on each line, UTF-8"
    assert told[1:6] == [f"│ {post}" for post in POSTS]
    assert told[6:] == ["7 posts kept of 7", "The gate found 1 animal (keep)"]


def test_a_category_nobody_knows_is_refused(corpus: Corpus) -> None:
    """A typo would leave the rows in; one category cannot be treated in two ways."""
    with pytest.raises(BadOption, match="no category 'emial'; you may mean 'email'"):
        audit(choosing(corpus, drop=("emial",)))
    with pytest.raises(BadOption, match="named twice"):
        choosing(corpus, drop=("email",), keep=("email",))


@pytest.mark.parametrize(
    ("text", "several"),
    [
        ("the first line of a haiku\na second one, longer\nand a third", False),
        (POSTS[0], False),
        (f"{POSTS[0]}\n\n{POSTS[1]}", True),
        (f"{POSTS[0]}\n---\n{POSTS[1]}", True),
        (f"1. {POSTS[0]}\n2. {POSTS[1]}\n3. {POSTS[2]}", True),
        ("\n".join(POSTS[:3]), True),
    ],
)
def test_rows_that_look_like_several_posts(text: str, several: bool) -> None:
    """Poems are one post; blocks of sentences and lists are not."""
    assert looks_like_several(text) is several


def test_scrubbing_overlapping_spans() -> None:
    """They become one mark."""
    assert scrub("abcdefghij", [(2, 5), (4, 7), (8, 9), (2, 3)]) == "ab…h…j"
    assert scrub("abc", []) == "abc"


def test_vocabulary_and_lengths_add_up(corpus: Corpus) -> None:
    """Every row has a length, every word a frequency."""
    found = audited(audit(corpus, judge=Finder()))
    assert sum(found.lengths.values()) == len(corpus.rows)
    assert sum(found.vocabulary.frequencies.values()) == found.vocabulary.distinct
    assert found.vocabulary.words >= found.vocabulary.distinct > 50


def test_the_data_card(corpus: Corpus, tmp_path: Path) -> None:
    """Counts, hashes and the consent line; no text of any row."""
    changed = audit(corpus)
    card = write_card(tmp_path / "card", changed, consent="They all said yes.", now=NOW)
    assert json.loads((tmp_path / "card" / "data-card.json").read_text()) == card
    assert (card["rows"], card["seen"], card["consent"]) == (7, 7, "They all said yes.")
    assert card["rows_sha256"] == changed.sha256
    assert len(card["sources"][0]["sha256"]) == 64
    whole = (tmp_path / "card" / "data-card.md").read_text() + json.dumps(card)
    assert "| email | 1 |" in whole
    assert not any(post[:30] in whole for post in [*POSTS, "ada.lovelace"])
    hashes = np.load(tmp_path / "card" / "data-rows.npy", allow_pickle=False)
    assert set(hashes.tolist()) == {row.hash for row in corpus.rows}
    assert write_card(tmp_path / "card", corpus)["consent"] == NO_CONSENT


def test_hostile_names_do_not_break_the_card(tmp_path: Path) -> None:
    """A file name is text from outside."""
    path = write(tmp_path / "a|b <script>`x`.txt", "\n".join(POSTS))
    write_card(tmp_path / "card", read_all(path))
    text = (tmp_path / "card" / "data-card.md").read_text()
    assert "<script>" not in text
    assert "a\\|b" in text


# --- the command -------------------------------------------------------------


def run(*arguments: str) -> tuple[int, str]:
    """``confess corpus …``: exit code and standard output."""
    from bot.cli.corpus import app

    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def big(tmp_path: Path) -> Path:
    """A corpus large enough to learn from."""
    rows = [f"{POSTS[n % 5]} That was day {n}, and {n * 7919} people know of it by now {n**3}." for n in range(400)]
    return write(tmp_path / "posts.csv", "id,text\n" + "".join(f'{n},"{row}"\n' for n, row in enumerate([*rows, MAIL])))


def test_check_shows_what_was_found(tmp_path: Path) -> None:
    """Format, column, counts, findings; the dropped rows listed; the card written."""
    path = big(tmp_path)
    listed, card = tmp_path / "dropped.jsonl", tmp_path / "card"
    code, shown = run("check", str(path), "--dropped", str(listed), "--card", str(card), "--drop", "email")
    assert code == 0
    assert "comma-separated" in shown
    assert "'text'" in shown
    assert "email" in shown
    reasons = {json.loads(line)["reason"] for line in listed.read_text().splitlines()}
    assert "audit: email" in reasons
    assert (card / "data-card.md").is_file()


def test_check_as_json_and_dropped_to_standard_output(tmp_path: Path) -> None:
    """Both are for machines: one JSON document, one JSON line a row."""
    path = big(tmp_path)
    _, shown = run("check", str(path), "--json", "--no-audit", "--consent", "Mine.")
    card = json.loads(shown)
    assert (card["consent"], card["audit"], card["seen"]) == ("Mine.", None, 401)
    _, shown = run("check", str(path), "--dropped", "-", "--longest", "145", "--no-audit")
    assert {json.loads(line)["reason"] for line in shown.splitlines()} >= {"too long"}


def test_check_contradictory_choices(tmp_path: Path) -> None:
    """A mistake of ours to explain, before anything is read."""
    with pytest.raises(BadOption, match="email is named twice"):
        run("check", str(tmp_path / "not-read.csv"), "--drop", "email", "--keep", "email")


def test_forget_says_what_it_did(tmp_path: Path) -> None:
    """How many rows, where the rule stands, that the files were left alone."""
    code, shown = run("forget", str(records(tmp_path)), "--author", "ada", "--adapters", str(tmp_path))
    assert code == 0
    assert "2 posts will not be read again" in " ".join(shown.split())
    assert "No row matches" in run("forget", str(records(tmp_path)), "--author", "eve", "--adapters", str(tmp_path))[1]
