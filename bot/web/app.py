"""The pages and forms of the review desk. Every decision goes through ``moderation.review``.

Handlers are plain functions: FastAPI runs them in threads, so that the database never blocks the event loop.
"""

import hmac
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException

from bot.web.session import LASTS, Failures, Reviewer, Sessions
from bot.web.view import step, view
from bot.web.words import add_word_pages
from bot.wordbook import Wordbook
from moderation import review
from moderation.context import Context
from moderation.errors import EditRefused, NotFound, ReviewError
from moderation.gate import Gate
from storage import posts
from storage.db import Database
from storage.errors import DatabaseError
from storage.lifecycle import State
from storage.models import Post

HERE = Path(__file__).parent
COOKIE = "confess_reviewer"
MAX_BODY = 64 * 1024  # bytes of a form
SHOWN = 50  # posts of the queue on one page

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Token = Annotated[str, Form()]
Words = Annotated[str, Form()]
Version = Annotated[int, Form()]


class NotSignedIn(Exception):
    """The cookie is missing, forged or too old, or a form came without its token."""


def create_app(
    database: Database, gate: Gate, wordbook: Wordbook, *, token: str, clock: Callable[[], datetime]
) -> FastAPI:
    """The review page on one database.

    Args:
        gate: judges edited texts.
        wordbook: the owner's word list.
        token: what a reviewer must know to sign in.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    pages = Jinja2Templates(directory=HERE / "templates")  # escapes everything in .html files
    sessions, failures = Sessions(token), Failures()

    def page(request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        return pages.TemplateResponse(request, f"{name}.html", values, status_code=status)

    def signed_in(request: Request) -> Reviewer:
        reviewer = sessions.reviewer(request.cookies.get(COOKIE), clock())
        if reviewer is None:
            raise NotSignedIn
        return reviewer

    def deciding(request: Request, csrf: Token = "") -> Reviewer:
        reviewer = signed_in(request)
        if not hmac.compare_digest(csrf.encode(), reviewer.csrf.encode()):
            raise NotSignedIn
        return reviewer

    Someone = Annotated[Reviewer, Depends(signed_in)]  # noqa: N806 - types
    Decider = Annotated[Reviewer, Depends(deciding)]  # noqa: N806

    def onward(post_id: int) -> RedirectResponse:
        return RedirectResponse(f"/next?after={post_id}", status_code=303)

    @app.get("/login")
    def login_form(request: Request) -> HTMLResponse:
        return page(request, "login")

    @app.post("/login")
    def login(request: Request, secret: Words = "", name: Words = "") -> Response:
        address, now = request.client.host if request.client else "", clock()
        if failures.too_many(address, now):
            return page(request, "login", 429, notice="Too many wrong tokens. Wait a minute.")
        cookie = sessions.sign_in(secret, name, now)
        if cookie is None:
            failures.add(address, now)
            return page(request, "login", 403, notice="That token or name does not do. Both are needed.")
        answer = RedirectResponse("/", status_code=303)
        secure = request.url.scheme == "https"
        answer.set_cookie(
            COOKIE, cookie, max_age=int(LASTS.total_seconds()), httponly=True, samesite="strict", secure=secure
        )
        return answer

    @app.post("/logout")
    def logout(reviewer: Decider) -> Response:
        answer = RedirectResponse("/login", status_code=303)
        answer.delete_cookie(COOKIE)
        return answer

    @app.get("/")
    def queue(request: Request, reviewer: Someone) -> HTMLResponse:
        now = clock()
        waiting = [view(post, now, reviewer.who) for post in review.queue(database, limit=SHOWN)]
        with database.reading() as session:
            held = posts.counts(session, states=[State.HELD])[State.HELD]
        return page(request, "queue", reviewer=reviewer, waiting=waiting, held=held)

    @app.get("/next")
    def next_post(reviewer: Someone, after: int = 0) -> RedirectResponse:
        post = review.look_next(database, who=reviewer.who, now=clock(), after=after)
        return RedirectResponse("/" if post is None else f"/posts/{post.id}", status_code=303)

    @app.get("/posts/{post_id}")
    def show(request: Request, post_id: int, reviewer: Someone) -> HTMLResponse:
        now = clock()
        post = review.look(database, post_id=post_id, who=reviewer.who, now=now)
        return desk(request, reviewer, post)

    def desk(request: Request, reviewer: Reviewer, post: Post, notice: str = "", draft: str = "") -> HTMLResponse:
        with database.reading() as session:
            told, because = posts.events(session, post.number), posts.held_because(session, post.number)
        shown = view(post, clock(), reviewer.who)
        values: dict[str, Any] = {"shown": shown, "told": told, "because": because, "step": step}
        return page(request, "post", reviewer=reviewer, post=post, notice=notice, draft=draft, **values)

    @app.post("/posts/{post_id}/approve")
    def approve(post_id: int, reviewer: Decider, version: Version) -> RedirectResponse:
        review.approve(database, post_id=post_id, who=reviewer.who, why="", now=clock(), version=version)
        return onward(post_id)

    @app.post("/posts/{post_id}/reject")
    def reject(post_id: int, reviewer: Decider, version: Version, reason: Words = "") -> RedirectResponse:
        review.reject(database, post_id=post_id, who=reviewer.who, why=reason, now=clock(), version=version)
        return onward(post_id)

    @app.post("/posts/{post_id}/edit")
    def edit(request: Request, post_id: int, reviewer: Decider, version: Version, text: Words = "") -> Response:
        now, who = clock(), reviewer.who
        text = text.replace("\r\n", "\n").strip("\n")  # a browser sends its own line ends
        post = review.look(database, post_id=post_id, who=who, now=now)
        if text == post.text:
            return RedirectResponse(f"/posts/{post_id}", status_code=303)
        verdict = gate.judge(text, Context(platform=post.platform, channel=post.channel, server=post.server))
        try:
            review.edit(
                database, post_id=post_id, text=text, verdict=verdict, who=who, why="", now=now, version=version
            )
        except EditRefused as error:
            return desk(request, reviewer, post, notice=str(error), draft=text)
        return RedirectResponse(f"/posts/{post_id}", status_code=303)

    @app.post("/posts/{post_id}/skip")
    def skip(post_id: int, reviewer: Decider) -> RedirectResponse:
        review.leave(database, post_id=post_id, who=reviewer.who)
        return onward(post_id)

    add_word_pages(app, wordbook, page, signed_in=signed_in, deciding=deciding)

    @app.exception_handler(NotSignedIn)
    def ask_to_sign_in(request: Request, error: NotSignedIn) -> Response:
        if request.method == "GET":
            return RedirectResponse("/login", status_code=303)
        return page(request, "login", 403, notice="Nothing was changed: sign in again first.")

    @app.exception_handler(ReviewError)
    def too_late(request: Request, error: ReviewError) -> HTMLResponse:
        return page(request, "notice", 404 if isinstance(error, NotFound) else 409, notice=str(error))

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> HTMLResponse:
        return page(request, "notice", 400, notice="That form or address is not one of this page's.")

    @app.exception_handler(HTTPException)
    def nowhere(request: Request, error: HTTPException) -> HTMLResponse:
        return page(request, "notice", error.status_code, notice="There is nothing here.")

    @app.exception_handler(DatabaseError)
    def no_database(request: Request, error: DatabaseError) -> HTMLResponse:
        return page(request, "notice", 503, notice=str(error))

    @app.middleware("http")
    async def guard(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.method == "POST" and not _small(request.headers.get("content-length")):
            return Response("The form is too large.", status_code=413, headers=HEADERS)
        response = await answer(request)
        response.headers.update(HEADERS)
        return response

    return app


def _small(length: str | None) -> bool:
    """Whether a form says its length, and that is a small one. (The server cuts what is longer than it says.)"""
    return length is not None and length.isdecimal() and int(length) <= MAX_BODY
