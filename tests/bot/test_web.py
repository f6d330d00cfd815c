"""The review page, through a real HTTP client against the real server on loopback."""

import asyncio
import re
import signal
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from bot.web.app import MAX_BODY
from bot.web.server import WebPage
from bot.web.session import Sessions
from bot.web.view import segments
from moderation import review
from moderation.gate import Gate, default_gate
from moderation.verdict import Decision, Finding, Span, Verdict
from storage import posts
from storage.lifecycle import State
from tests.bot.site import TOKEN, Site, fields
from tests.databases import NOW

NASTY = "<script>alert(1)</script> {{ 7 * 7 }} \"'> &amp; \u202etxet"


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    """The real gate, made once."""
    gate = default_gate()
    yield gate
    gate.close()


def test_nothing_is_shown_to_strangers(site: Site) -> None:
    post = site.hold()
    stranger = site.browser(None)
    for path in ("/", "/next", f"/posts/{post.id}"):
        answer = stranger.get(path)
        assert answer.url.path == "/login"
        assert post.text not in answer.text
    for act in ("approve", "reject", "edit", "skip"):
        answer = stranger.post(f"/posts/{post.id}/{act}", data={"version": "1", "reason": "x", "text": "x"})
        assert answer.status_code == 403
    assert site.stored(post) == post


def test_signing_in_needs_the_token_and_a_name(site: Site) -> None:
    browser = site.browser(None)
    for secret, name in (("wrong", "anne"), (TOKEN, ""), (TOKEN, "x" * 41), (TOKEN, "<b>")):
        answer = browser.post("/login", data={"secret": secret, "name": name})
        assert answer.status_code == 403
        assert not browser.cookies
    assert browser.post("/login", data={}).status_code == 403
    assert browser.post("/login", data={"secret": TOKEN, "name": "anne"}).status_code == 429  # five in a minute
    site.clock.now = NOW + timedelta(minutes=1)
    assert "Nothing waits for a decision" in browser.post("/login", data={"secret": TOKEN, "name": "anne"}).text


def test_a_cookie_is_strict_and_cannot_be_made_up(site: Site) -> None:
    answer = httpx.post(f"{site.page.address}login", data={"secret": TOKEN, "name": "anne"}, trust_env=False)
    assert {"HttpOnly", "SameSite=strict"} <= set(answer.headers["set-cookie"].split("; "))
    genuine = Sessions(TOKEN).sign_in(TOKEN, "anne", NOW)
    assert genuine is not None
    assert Sessions(TOKEN).reviewer(genuine, NOW + timedelta(hours=11)) is not None
    until, name, signature = genuine.split(".")
    forged = [
        "", "a.b", "..", "a.b.c", f"{until}.{name}.", f"{int(until) + 1}.{name}.{signature}",
        f"{until}.YmVu.{signature}", f"é.{name}.{signature}",
    ]  # fmt: skip
    assert [Sessions(TOKEN).reviewer(cookie, NOW) for cookie in forged] == [None] * len(forged)
    assert Sessions(TOKEN).reviewer(genuine, NOW + timedelta(hours=12)) is None
    assert Sessions("another token").reviewer(genuine, NOW) is None


def test_approving_and_on_to_the_next(site: Site) -> None:
    first, second = site.hold("Damn, one."), site.hold("Damn, two.")
    anne = site.browser()
    assert "2 posts wait" in anne.get("/").text
    page = anne.get("/next")
    assert page.url.path == f"/posts/{first.id}"
    assert '<mark class="hold">Damn</mark>, one.' in page.text
    assert "It swears." in page.text
    after = anne.post(f"/posts/{first.id}/approve", data=fields(page, "approve"))
    assert after.url.path == f"/posts/{second.id}"
    decided = site.stored(first)
    assert (decided.state, decided.decided_by, decided.decided_at) == (State.APPROVED, "web:anne", NOW)
    after = anne.post(f"/posts/{second.id}/skip", data=fields(after, "skip"))
    assert after.url.path == "/"
    assert site.stored(second).lease_by is None


def test_a_lost_post_says_so_to_the_reviewer(site: Site) -> None:
    lost = site.hold()
    review.approve(site.db, post_id=lost.number, who="ben", why="", now=NOW)
    with site.db.session() as session:
        posts.claim(session, platforms=None, who="publisher", now=NOW)
        posts.recover(session, who="publisher", now=NOW)
        posts.move(
            session, post_id=lost.number, expect=State.UNCERTAIN, to=State.HELD, who="publisher", now=NOW,
            why="Sent 3 times and not found on x.",
        )  # fmt: skip
    assert "<strong>Sent 3 times and not found on x.</strong>" in site.browser().get(f"/posts/{lost.id}").text


def test_rejecting_needs_a_reason(site: Site) -> None:
    post = site.hold()
    anne = site.browser()
    form = fields(anne.get(f"/posts/{post.id}"), "reject")
    answer = anne.post(f"/posts/{post.id}/reject", data=form | {"reason": " "})
    assert answer.status_code == 409
    assert "needs a reason" in answer.text
    anne.post(f"/posts/{post.id}/reject", data=form | {"reason": "tone"})
    assert site.stored(post).state is State.REJECTED
    with site.db.reading() as session:
        assert posts.events(session, post.number)[-1].why == "tone"


def test_editing_is_judged_again(site: Site) -> None:
    post = site.hold()
    anne = site.browser()
    form = fields(anne.get(f"/posts/{post.id}"), "edit")
    refused = anne.post(f"/posts/{post.id}/edit", data=form | {"text": "Write to anne.smith@example.org now."})
    assert "blocks the new text" in refused.text
    assert "Write to anne.smith@example.org now.</textarea>" in refused.text  # nobody types it twice
    assert site.stored(post).text == post.text
    same = anne.post(f"/posts/{post.id}/edit", data=form | {"text": post.text})
    assert site.stored(post).version == 1
    assert same.status_code == 200
    edited = anne.post(f"/posts/{post.id}/edit", data=form | {"text": "I was there.\r\nTwice."})
    assert "The model wrote:" in edited.text
    after = site.stored(post)
    assert (after.text, after.original_text, after.state) == ("I was there.\nTwice.", post.text, State.HELD)


def test_two_reviewers_never_decide_twice(site: Site) -> None:
    post = site.hold()
    anne, ben = site.browser("anne"), site.browser("ben")
    page = anne.get(f"/posts/{post.id}")
    refused = ben.get(f"/posts/{post.id}")
    assert refused.status_code == 409
    assert "web:anne is looking at post" in refused.text
    assert "<em>web:anne is looking at it</em>" in ben.get("/").text
    assert ben.get("/next").url.path == "/"
    anne.post(f"/posts/{post.id}/approve", data=fields(page, "approve"))
    late = ben.get(f"/posts/{post.id}")
    assert late.status_code == 409
    assert "web:anne decided on post" in late.text


def test_nobody_approves_words_they_have_not_seen(site: Site) -> None:
    post = site.hold()
    anne = site.browser()
    form = fields(anne.get(f"/posts/{post.id}"), "approve")
    verdict = Verdict(Decision.ALLOW)
    review.edit(site.db, post_id=post.number, text="Other.", verdict=verdict, who="web:anne", why="", now=NOW)
    answer = anne.post(f"/posts/{post.id}/approve", data=form)
    assert answer.status_code == 409
    assert "after you saw it" in answer.text
    assert site.stored(post).state is State.HELD


def test_forms_from_elsewhere_are_refused(site: Site) -> None:
    post = site.hold()
    anne, ben = site.browser("anne"), site.browser("ben")
    form = fields(anne.get(f"/posts/{post.id}"), "approve")
    for forged in ({"version": "1"}, form | {"csrf": "0" * 64}, form | {"csrf": "é"}):
        assert anne.post(f"/posts/{post.id}/approve", data=forged).status_code == 403
    assert ben.post(f"/posts/{post.id}/approve", data=form).status_code == 403  # anne's token with ben's cookie
    assert site.stored(post).state is State.HELD


def test_hostile_text_stays_text(site: Site) -> None:
    post = site.hold(NASTY, prompt=NASTY, requester=NASTY)
    anne = site.browser()
    for path in ("/", f"/posts/{post.id}"):
        shown = anne.get(path).text
        assert "<script>alert" not in shown
        assert "&lt;script&gt;alert(1)" in shown.replace('<mark class="hold">', "").replace("</mark>", "")
        assert "49" not in shown.replace(post.key, "")
        assert "<bdi>" in shown


def test_every_answer_forbids_foreign_code(site: Site) -> None:
    browser = site.browser()
    for answer in (browser.get("/"), browser.get("/static/keys.js"), browser.get("/nowhere"), browser.get("/posts/x")):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers
        assert "http://" not in answer.text.replace(str(browser.base_url), "")
        assert "https://" not in answer.text


def test_what_is_not_there_is_a_sentence(site: Site) -> None:
    browser = site.browser()
    statuses = {path: browser.get(path).status_code for path in ("/posts/404", "/posts/x", "/nowhere", "/docs")}
    assert statuses == {"/posts/404": 404, "/posts/x": 400, "/nowhere": 404, "/docs": 404}
    assert "There is no post 404" in browser.get("/posts/404").text
    assert browser.get("/static/../app.py").status_code == 404


def test_huge_forms_are_refused_unread(site: Site) -> None:
    browser = site.browser()
    assert browser.post("/login", content=b"x" * (MAX_BODY + 1)).status_code == 413
    assert browser.post("/login", content=iter([b"x"])).status_code == 413  # does not say how much is coming


def test_signing_out_needs_a_new_sign_in(site: Site) -> None:
    browser = site.browser()
    [csrf] = re.findall(r'name="csrf" value="(\w+)"', browser.get("/").text)
    assert browser.post("/logout", data={"csrf": csrf}).url.path == "/login"
    assert browser.get("/").url.path == "/login"


async def test_the_page_leaves_signals_to_the_runner(site: Site) -> None:
    before = signal.getsignal(signal.SIGINT)
    page = WebPage(site.app, host="127.0.0.1", port=0)
    running = asyncio.create_task(page.run())
    async with httpx.AsyncClient(trust_env=False) as browser:
        assert (await browser.get(f"{page.address}login")).status_code == 200
    assert signal.getsignal(signal.SIGINT) is before
    page.stop()
    await asyncio.wait_for(running, 10)


def test_a_taken_port_is_one_sentence(site: Site) -> None:
    port = int(site.page.address.rstrip("/").rsplit(":", 1)[1])
    with pytest.raises(OSError, match=rf"cannot listen on 127\.0\.0\.1:{port} .* set WEB__HOST or WEB__PORT"):
        WebPage(site.app, host="127.0.0.1", port=port)


def test_marks_cover_the_text_without_changing_it() -> None:
    def finding(start: int, end: int, decision: Decision) -> Finding:
        return Finding("f", "c", decision, "r", Span(start, end))

    cut = segments(
        "abcdef", [finding(0, 4, Decision.HOLD), finding(2, 9, Decision.BLOCK), Finding("f", "c", Decision.HOLD, "r")]
    )
    assert [(part.text, part.decision) for part in cut] == [("ab", "hold"), ("cdef", "block")]
    assert segments("", []) == []


def test_a_long_queue_is_cut_and_counted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.web.app.SHOWN", 2)
    for _ in range(3):
        site.hold()
    shown = site.browser().get("/").text
    assert "3 posts wait" in shown
    assert shown.count("<tr>") == 1 + 2
    assert "and 1 more" in shown


def test_answers_are_not_held_back_by_the_network(site: Site) -> None:
    """With Nagle's algorithm on, a body waits 40 ms for the client's acknowledgement of the headers."""
    browser = site.browser()
    answers = (browser.get("/static/keys.js").elapsed.total_seconds() for _ in range(500))
    assert any(seconds < 0.03 for seconds in answers)  # a busy machine may take a while to have one go undisturbed
