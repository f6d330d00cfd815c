"""The page of words, through a real HTTP client against the real server on loopback."""

import threading
from datetime import timedelta

import httpx
import pytest

from moderation import words
from moderation.context import Context
from moderation.gate import Gate
from moderation.verdict import Decision
from moderation.words import Word
from tests.bot.site import Site, fields
from tests.databases import NOW

NASTY = "<script>alert(1)</script> {{ 7 * 7 }} \"'> &amp; \u202etxet"


def put(browser: httpx.Client, **typed: str) -> httpx.Response:
    """Fill in the form and send it."""
    form = fields(browser.get("/words"), "add")
    return browser.post("/words/add", data=form | {"tier": "hold"} | typed)


def test_a_word_is_added_shown_and_taken_out(site: Site, gate: Gate) -> None:
    anne, ben = site.browser("anne"), site.browser("ben")
    assert "The list is empty." in anne.get("/words").text
    shown = put(anne, word=" crumpet ", tier="block", platform="discord", server="7", why="we were sued")
    assert shown.url.path == "/words" and shown.status_code == 200
    for piece in ("crumpet", "block", "discord, server 7", "web:anne", f"{NOW:%Y-%m-%d %H:%M}", "we were sued"):
        assert f">{piece}<" in shown.text
    assert gate.judge("a crumpet", Context("discord", server="7")).decision is Decision.BLOCK  # at once
    assert gate.judge("a crumpet", Context("discord", server="8")).decision is Decision.ALLOW

    site.clock.now = NOW + timedelta(minutes=5)
    gone = ben.post("/words/remove", data=fields(ben.get("/words"), "remove"))
    assert "The list is empty." in gone.text
    assert "<summary>Taken out</summary>" in gone.text
    assert ">web:ben<" in gone.text and f">{site.clock.now:%Y-%m-%d %H:%M}<" in gone.text
    assert gate.judge("a crumpet", Context("discord", server="7")).decision is Decision.ALLOW


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"word": "/(/"}, "The regular expression in “/(/” is wrong"),
        ({"word": "  "}, "must be 1 to 200 characters"),
        ({"word": "x" * 201}, "must be 1 to 200 characters"),
        ({"word": "scone", "tier": "maybe"}, "it must be block, hold or allow"),
        ({"word": "scone", "platform": "myspace"}, "“myspace” is no platform"),
        ({"word": "scone", "server": "my server"}, "A server is named by its id"),
        ({"word": "scone", "server": "７"}, "A server is named by its id"),
    ],
)
def test_what_is_wrong_is_told_at_the_form_and_nobody_types_it_twice(
    site: Site, typed: dict[str, str], told: str
) -> None:
    answer = put(site.browser(), **{"why": "a long story"} | typed)
    assert answer.status_code == 400
    form = answer.text[answer.text.index('action="/words/add"') : answer.text.index('action="/words"')]
    assert told in form and 'role="alert"' in form
    assert f'value="{typed["word"].strip()}"' in form and 'value="a long story"' in form
    assert words.load(site.words) == words.OwnList()


def test_strangers_and_forged_forms_change_nothing(site: Site) -> None:
    words.add(site.words, Word("crumpet", "hold"), who="ann", now=NOW)
    stranger, anne, ben = site.browser(None), site.browser("anne"), site.browser("ben")
    assert stranger.get("/words").url.path == "/login"
    form = fields(anne.get("/words"), "remove")
    for browser, forged in ((stranger, form), (ben, form), (anne, form | {"csrf": "0" * 64}), (anne, {})):
        assert browser.post("/words/remove", data=forged).status_code == 403
        assert browser.post("/words/add", data=forged | {"word": "x", "tier": "hold"}).status_code == 403
    assert [word.word for word in words.load(site.words).words] == ["crumpet"]


def test_hostile_words_stay_text(site: Site) -> None:
    anne = site.browser()
    put(anne, word=NASTY, why=NASTY)
    anne.post("/words/remove", data=fields(put(anne, word=f"{NASTY}!"), "remove"))
    for path in ("/words", f"/words?find={NASTY[:9]}"):
        shown = anne.get(path).text
        assert "<script>alert" not in shown and "{{ 7 * 7 }}" in shown and "\u202e" not in shown
        assert shown.count("&lt;script&gt;alert(1)") >= 4


def test_who_is_second_is_told_that_it_is_gone(site: Site) -> None:
    anne, ben = site.browser("anne"), site.browser("ben")
    put(anne, word="crumpet")
    forms = [fields(browser.get("/words"), "remove") for browser in (anne, ben)]
    assert anne.post("/words/remove", data=forms[0]).status_code == 200
    late = ben.post("/words/remove", data=forms[1])
    assert late.status_code == 409 and "Somebody has taken that word out already." in late.text


def test_two_editors_at_once_lose_nothing(site: Site) -> None:
    browsers = {name: site.browser(name) for name in ("anne", "ben", "cat")}

    def edit(name: str) -> None:
        for number in range(4):
            assert put(browsers[name], word=f"{name} {number}").status_code == 200

    threads = [threading.Thread(target=edit, args=(name,)) for name in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(words.load(site.words).words) == 12
    assert site.browser().get("/words").text.count('action="/words/remove"') == 12


def test_a_long_list_is_cut_counted_and_searched(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.web.words.SHOWN", 2)
    for number in range(4):
        words.add(site.words, Word(f"w{number}", "hold"), who="ann", now=NOW + timedelta(minutes=number))
    anne = site.browser()
    shown = anne.get("/words").text
    assert "w3" in shown and "w2" in shown and "w1" not in shown  # the newest first
    assert "and 2 more" in shown
    found = anne.get("/words?find=W1").text
    assert "w1" in found and "w3" not in found and "more" not in found.split("</form>")[-1]


def test_a_broken_file_is_a_sentence(site: Site) -> None:
    site.words.write_text("[[word]\n")
    answer = site.browser().get("/words")
    assert answer.status_code == 503
    assert "is not valid TOML" in answer.text
