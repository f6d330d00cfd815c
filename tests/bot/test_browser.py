"""The review page in a real browser: a reviewer who never touches the mouse."""

from pathlib import Path

from moderation import words
from moderation.gate import Gate
from moderation.verdict import Decision
from storage.lifecycle import State
from tests.bot.chromium import browser
from tests.bot.site import TOKEN, Site
from tests.databases import NOW


async def test_a_reviewer_needs_the_keyboard_only(site: Site, gate: Gate, tmp_path: Path) -> None:
    first, second = site.hold("Damn, one."), site.hold("Damn, <b>two</b>.")
    async with browser(tmp_path / "browser") as tab:
        await tab.open(site.page.address)
        await tab.until("location.pathname === '/login' && document.activeElement.name === 'name'")
        await tab.type("anne")
        await tab.press("Tab")
        await tab.type(TOKEN)
        await tab.press("Enter")
        await tab.until("location.pathname === '/'")
        assert "2 posts wait" in await tab.read("document.title + document.body.innerText")

        await tab.press("n")
        await tab.until(f"location.pathname === '/posts/{first.id}'")
        await tab.press("r")  # to the reason; in there an “a” is a letter and decides nothing
        await tab.type("aaa")
        assert await tab.read("document.activeElement.value") == "aaa"
        assert site.stored(first).state is State.HELD
        await tab.press("Escape")
        await tab.press("a")
        await tab.until(f"location.pathname === '/posts/{second.id}'")
        approved = site.stored(first)
        assert (approved.state, approved.decided_by, approved.decided_at) == (State.APPROVED, "web:anne", NOW)
        assert await tab.read("document.querySelector('blockquote').innerText") == "Damn, <b>two</b>."

        await tab.read("document.querySelector('nav a').focus()")
        await tab.press("Enter")
        await tab.until("location.pathname === '/words'")
        await tab.press("w")
        await tab.type("crumpet")
        await tab.press("Tab")
        await tab.type("b")  # chooses the tier
        for _ in ("platform", "server", "why"):
            await tab.press("Tab")
        await tab.type("n is no short cut in here")
        await tab.press("Enter")
        await tab.until("document.querySelector('tbody tr')")
        row = "[...document.querySelectorAll('tbody td')].slice(0, 4).map((cell) => cell.innerText).join('|')"
        assert await tab.read(row) == "crumpet|block|everywhere|web:anne"
        assert gate.judge("a crumpet").decision is Decision.BLOCK
        assert tab.complaints == []
    [word] = words.load(site.words).words
    assert (word.word, word.tier, word.by, word.why) == ("crumpet", "block", "web:anne", "n is no short cut in here")
