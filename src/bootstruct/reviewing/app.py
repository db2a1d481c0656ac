"""The pages, and how they respond. No route contains the name of a file: only the opened run folder is reachable."""

import functools
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import jinja2

from bootstruct.errors import BootstructError
from bootstruct.journal.reviews import QUALITY, RATING, ReviewRecorded
from bootstruct.render.sanitize import escaped
from bootstruct.render.templates import environment, theme
from bootstruct.reviewing import export, views
from bootstruct.reviewing.names import reviewer_name
from bootstruct.reviewing.safety import Guard
from bootstruct.reviewing.session import MODES, ReviewConflictError, RunReview, fresh_id
from bootstruct.reviewing.views import ReviewerPages, Values

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

STATIC: Final = {
    "htmx.min.js": "text/javascript",
    "review.js": "text/javascript",
    "style.css": "text/css",
    "icon.svg": "image/svg+xml",
    "htmx.LICENSE.txt": "text/plain",
}
EXPORTS: Final = {
    "judgements.csv": "text/csv",
    "judgements.jsonl": "application/x-ndjson",
    "ratings.jsonl": "application/x-ndjson",
}


class Pages:
    """The application: one method per page."""

    def __init__(self, session: RunReview) -> None:
        self.session = session
        self._static = {
            name: (resources.files("bootstruct.reviewing") / "static" / name).read_bytes() for name in STATIC
        }
        self._static["style.css"] = theme().encode() + self._static["style.css"]

    def render(self, template: str, reviewer: str = "", **values: Any) -> str:
        """A page from its template."""
        here = ReviewerPages(reviewer)
        works = [mode for mode in MODES if reviewer and self.session.items(mode, reviewer)]
        given = {"reviewer": reviewer, "url": here.url, "works": works, "sheet": self.session.sheet}
        given |= {"notice": "", "form_id": fresh_id(), "run": views.run_name(self.session.folder)}
        return _templates().get_template(template).render(**(given | values))

    def guarded(self, host: str, port: int) -> Guard:
        """The whole application behind its guard."""
        from starlette.applications import Starlette
        from starlette.routing import Route

        routes = [
            Route("/", self.front, methods=["GET"]),
            Route("/", self.name, methods=["POST"]),
            Route("/static/{name}", self.static),
            Route("/export/{name}", self.export),
            Route("/r/{reviewer}", self._for_reviewer(self.home)),
            Route("/r/{reviewer}/plan", self._for_reviewer(self.plan), methods=["POST"]),
            Route("/r/{reviewer}/watch", self._for_reviewer(self.watch)),
            Route("/r/{reviewer}/watch/part", self._for_reviewer(self.watch)),
            Route("/r/{reviewer}/results", self._for_reviewer(self.results)),
            Route("/r/{reviewer}/{mode}", self._for_reviewer(self.stage), methods=["GET"]),
            Route("/r/{reviewer}/{mode}", self._for_reviewer(self.judge), methods=["POST"]),
            Route("/r/{reviewer}/{mode}/undo", self._for_reviewer(self.undo), methods=["POST"]),
        ]
        app = Starlette(
            routes=routes, exception_handlers={404: self._lost, 405: self._lost, BootstructError: self._told}
        )
        return Guard(app, host, port, self.refusal, self.render("welcome.html.j2"))

    def refusal(self, title: str, text: str) -> str:
        """A page that says why something cannot be done."""
        return self.render("refusal.html.j2", title=title, text=text)

    async def front(self, request: "Request") -> "Response":
        """The first page: who are you?"""
        return self._page(self.render("front.html.j2", names=self.session.names(), fixed=bool(self.session.reviewers)))

    async def name(self, request: "Request") -> "Response":
        """Take a reviewer's name and go to their pages."""
        form = await _form(request)
        try:
            reviewer = reviewer_name(form.get("reviewer", ""))
        except ValueError as exc:
            names, fixed = self.session.names(), bool(self.session.reviewers)
            return self._page(self.render("front.html.j2", names=names, fixed=fixed, notice=str(exc)), 400)
        return _go(ReviewerPages(reviewer).url())

    async def home(self, request: "Request", reviewer: str) -> "Response":
        """A reviewer's overview."""
        self.session.follower.look()
        return self._page(self.render("home.html.j2", reviewer, **views.home(self.session, reviewer)))

    async def plan(self, request: "Request", reviewer: str) -> "Response":
        """Draw the sample of tasks to judge, once."""
        self.session.follower.look()
        await self.session.plan()
        return _go(ReviewerPages(reviewer).url(QUALITY))

    async def watch(self, request: "Request", reviewer: str) -> "Response":
        """The run as it grows."""
        self.session.follower.look()
        template = "watch_part.html.j2" if request.url.path.endswith("/part") else "watch.html.j2"
        return self._page(self.render(template, reviewer, **views.watch(self.session)))

    async def results(self, request: "Request", reviewer: str) -> "Response":
        """The results so far."""
        self.session.follower.look()
        unblind = request.query_params.get("names") == "shown"
        return self._page(self.render("results.html.j2", reviewer, **views.outcome(self.session, reviewer, unblind)))

    async def stage(self, request: "Request", reviewer: str) -> "Response":
        """The next task, answer or pair to judge."""
        mode = request.path_params["mode"]
        if mode not in MODES or not self.session.items(mode, reviewer):
            return _go(ReviewerPages(reviewer).url()) if mode in MODES else await self._lost(request, None)
        item, after = request.query_params.get("item", ""), request.query_params.get("after", "")
        card = self.session.card(mode, reviewer, item, after)
        return self._stage(request, reviewer, views.stage(self.session, mode, reviewer, card))

    async def judge(self, request: "Request", reviewer: str) -> "Response":
        """Take a judgement."""
        mode, form = request.path_params["mode"], await _form(request)
        if mode not in MODES:
            return await self._lost(request, None)
        notice, item = "", ""
        try:
            await self.session.judge(mode, reviewer, form)
        except ReviewConflictError as exc:
            notice, item = str(exc), form.get("item", "")
        except ValueError as exc:
            return self._trouble(request, 400, str(exc))
        card = self.session.card(mode, reviewer, item, after=form.get("item", ""))
        return self._stage(request, reviewer, views.stage(self.session, mode, reviewer, card), notice)

    async def undo(self, request: "Request", reviewer: str) -> "Response":
        """Withdraw the last judgement."""
        mode, form = request.path_params["mode"], await _form(request)
        if mode not in MODES:
            return await self._lost(request, None)
        draft: ReviewRecorded | None = None
        notice = "Withdrawn: correct the answers and send them again."
        try:
            draft = await self.session.undo(mode, reviewer, form.get("id", ""))
        except ReviewConflictError as exc:
            notice = str(exc)
        card = self.session.card(mode, reviewer, draft.item if draft else form.get("item", ""))
        if card is not None and card.verdict:
            draft = None  # an earlier judgement of the item counts again
        return self._stage(request, reviewer, views.stage(self.session, mode, reviewer, card, draft), notice)

    async def static(self, request: "Request") -> "Response":
        """The style sheet and the scripts."""
        from starlette.responses import Response

        name = request.path_params["name"]
        if name not in STATIC:
            return await self._lost(request, None)
        return Response(self._static[name], media_type=STATIC[name])

    async def export(self, request: "Request") -> "Response":
        """The judgements, as a file."""
        from starlette.responses import Response

        name, reviews = request.path_params["name"], self.session.reviews
        if name not in EXPORTS:
            return await self._lost(request, None)
        if name == "ratings.jsonl":
            text = export.as_ratings(reviews, self.session.digest(RATING))
        else:
            text = export.as_csv(reviews) if name.endswith(".csv") else export.as_jsonl(reviews)
        disposition = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(text, media_type=EXPORTS[name], headers=disposition)

    def _for_reviewer(
        self, page: "Callable[[Request, str], Awaitable[Response]]"
    ) -> "Callable[[Request], Awaitable[Response]]":
        """A page under /r/NAME: the name is valid and, if there is a list of reviewers, on it."""

        async def answer(request: "Request") -> "Response":
            given = request.path_params["reviewer"]
            try:
                if reviewer_name(given) != given:
                    return _go("/")
            except ValueError:
                return _go("/")
            return await page(request, given)

        return answer

    def _stage(self, request: "Request", reviewer: str, values: Values, notice: str = "") -> "Response":
        """The item alone for htmx, the whole page otherwise."""
        part = "hx-request" in request.headers
        template = "stage.html.j2" if part else "judge.html.j2"
        response = self._page(self.render(template, reviewer, **(values | {"notice": notice})))
        if part:
            response.headers["HX-Replace-Url"] = ReviewerPages(reviewer).url(values["mode"])
        return response

    def _page(self, html: str, status: int = 200) -> "Response":
        from starlette.responses import HTMLResponse

        return HTMLResponse(html.encode("utf-8", "replace"), status)

    def _trouble(self, request: "Request", status: int, text: str) -> "Response":
        """What went wrong: a sentence for htmx (the form stays as it is), a page otherwise."""
        from starlette.responses import PlainTextResponse

        if "hx-request" in request.headers:
            return PlainTextResponse(text, status)
        return self._page(self.refusal("That did not work", text), status)

    async def _lost(self, request: "Request", exc: Exception | None) -> "Response":
        return self._trouble(request, 404, "There is no such page.")

    async def _told(self, request: "Request", exc: Exception) -> "Response":
        return self._trouble(request, 507 if getattr(exc, "exit_code", 2) == 1 else 500, str(exc))


@functools.cache
def _templates() -> jinja2.Environment:
    """The templates, compiled once."""
    templates = environment("bootstruct.reviewing", shown=escaped, seconds=views.seconds_in_words)
    templates.globals |= {"titles": views.TITLES}
    return templates


async def _form(request: "Request") -> Mapping[str, str]:
    """The fields of a form, the last of each name."""
    body = (await request.body()).decode("utf-8", "replace")
    try:
        return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=40))
    except ValueError:
        return {}


def _go(path: str) -> "Response":
    from starlette.responses import RedirectResponse

    return RedirectResponse(path, 303)
