"""The page of the owner's word list: what is on it, who put it in, when and why; to add and to take out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from bot.visible import one_line
from bot.web.session import Reviewer
from bot.wordbook import Wordbook
from generation.fit import LIMITS
from moderation.errors import WordlistError, WordRefused
from moderation.words import TIERS, Word

SHOWN = 200  # entries on one page; the others are found by searching
GONE = "Somebody has taken that word out already."
NO_SERVER = "A server is named by its id, which is a long number: right-click it in Discord, Copy ID."

Field = Annotated[str, Form()]


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody typed into the form."""

    word: str = ""
    tier: str = "hold"
    platform: str = ""
    server: str = ""
    why: str = ""

    def entry(self) -> Word:
        """The entry it means.

        Raises:
            WordRefused: the platform or the server is none.
        """
        if self.platform not in ("", *LIMITS):
            raise WordRefused(f"“{self.platform}” is no platform; take one of {', '.join(sorted(LIMITS))}.")
        if self.server and not (self.server.isascii() and self.server.isdecimal() and len(self.server) <= 20):
            raise WordRefused(NO_SERVER)
        platforms = (self.platform,) if self.platform else ()
        servers = (self.server,) if self.server else ()
        return Word(self.word, self.tier, platforms=platforms, servers=servers, why=self.why)


def add_word_pages(
    app: FastAPI,
    wordbook: Wordbook,
    page: Callable[..., HTMLResponse],
    *,
    signed_in: Callable[..., Reviewer],
    deciding: Callable[..., Reviewer],
) -> None:
    """Give the review page its word list.

    Args:
        page: makes a page from a request, a template's name, a status and values.
        signed_in: knows who is looking; ``deciding`` who sent a form, which must be one of ours.
    """
    Someone = Annotated[Reviewer, Depends(signed_in)]  # noqa: N806 - types
    Decider = Annotated[Reviewer, Depends(deciding)]  # noqa: N806

    def listed(
        request: Request,
        reviewer: Reviewer,
        status: int = 200,
        *,
        find: str = "",
        draft: Draft | None = None,
        wrong: str = "",
    ) -> HTMLResponse:
        own, draft = wordbook.read(), draft or Draft()
        words, removed = _newest(own.words, find), _newest(own.removed, find)
        values: dict[str, Any] = {"words": words[:SHOWN], "removed": removed[:SHOWN], "count": len(words)}
        choices: dict[str, Any] = {"tiers": TIERS, "platforms": sorted(LIMITS), "one_line": one_line, "place": _place}
        return page(
            request, "words", status, reviewer=reviewer, find=find, draft=draft, wrong=wrong, **values, **choices
        )

    @app.get("/words")
    def words(request: Request, reviewer: Someone, find: str = "") -> HTMLResponse:
        return listed(request, reviewer, find=find.strip())

    @app.post("/words/add")
    def add(
        request: Request,
        reviewer: Decider,
        word: Field = "",
        tier: Field = "",
        platform: Field = "",
        server: Field = "",
        why: Field = "",
    ) -> Response:
        draft = Draft(word.strip(), tier, platform, server.strip(), why.strip())
        try:
            wordbook.add(draft.entry(), who=reviewer.who)
        except WordRefused as error:
            return listed(request, reviewer, 400, draft=draft, wrong=str(error))
        return RedirectResponse("/words", status_code=303)

    @app.post("/words/remove")
    def remove(request: Request, reviewer: Decider, mark: Field = "") -> Response:
        entry = next((word for word in wordbook.read().words if word.mark == mark), None)
        try:
            if entry is None:
                raise WordRefused(GONE)
            wordbook.remove(entry, who=reviewer.who)
        except WordRefused:  # also when two press at the same moment
            return listed(request, reviewer, 409, wrong=GONE)
        return RedirectResponse("/words", status_code=303)

    @app.exception_handler(WordlistError)
    def no_list(request: Request, error: WordlistError) -> HTMLResponse:
        return page(request, "notice", 503, notice=str(error))


def _newest(words: tuple[Word, ...], find: str) -> list[Word]:
    """Entries that hold what is looked for, in the word, the note or who put it in; the newest first."""
    sought = find.casefold()
    found = [word for word in words if sought in f"{word.word}\n{word.why}\n{word.by}".casefold()]
    return sorted(found, key=lambda word: word.at or datetime.min.replace(tzinfo=UTC), reverse=True)


def _place(word: Word) -> str:
    """Where an entry counts."""
    return ", ".join([*word.platforms, *(f"server {server}" for server in word.servers)]) or "everywhere"
