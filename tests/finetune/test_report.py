"""The report: one page that needs nothing else and trusts no text."""

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest

from finetune import charts
from finetune.recipe import Recipe
from finetune.report import write_report
from finetune.sample import Sample
from finetune.verdict import headline, remarks
from moderation.echo import EchoIndex

HOSTILE = "<script>alert(1)</script><img src=x onerror=y> & \"quotes\" '{{ 7 * 7 }}'"
ROWS = [f"This is honest post number {i} of the corpus about biscuits" for i in range(20)] + [HOSTILE]


def _metrics(**changes: Any) -> dict[str, Any]:
    check = {"step": 10, "loss": 4.0, "copied": 0.0, "copied_runs": 0.0}
    samples = {"copied": 0.0, "copied_runs": 0.0, "stopped": 1.0, "distinct": (0.5, 0.8, 0.9), "self_bleu": 0.2}
    return {
        "before": {"loss": 4.6, "bits_per_byte": 1.9},
        "after": {"loss": 4.0, "bits_per_byte": 1.6},
        "samples": samples | {"length_gap": 0.1},
        "topics": {"asked": 10, "followed": 0.5, "by_chance": 0.0},
        "chosen_step": 10,
        "steps": 20,
        "seconds": 75.0,
        "tokens": 1000,
        "losses": [4.6 - i / 40 for i in range(20)],
        "checks": [check, check | {"step": 20, "loss": 4.1}],
    } | changes


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    EchoIndex.build(ROWS, folder / "echo")
    write_report(
        folder / "report.html",
        name=HOSTILE,
        base=HOSTILE,
        recipe=Recipe.build({"base": HOSTILE}),
        settled={"rank": 4},
        metrics=_metrics(),
        data={
            "rows": 21,
            "seen": 22,
            "characters": 999,
            "drops": {HOSTILE: 1},
            "sources": [{"path": HOSTILE, "size": 9, "sha256": "0" * 64}],
            "first_post": None,
            "consent": HOSTILE,
            "warnings": [HOSTILE],
        },
        versions={"torch": "2"},
        samples=[
            Sample(HOSTILE, True, 9, None, 0.7),
            Sample("My aunt said honest post number 7 of the corpus is late", True, 9, None, 0.9),
            Sample(ROWS[3], True, 9, None, 1.1),
            Sample("Biscuits again", False, 9, HOSTILE, 0.9),
        ],
        rows=ROWS,
        echo=EchoIndex.open(folder / "echo"),
        command=HOSTILE,
    )
    return (folder / "report.html").read_text(encoding="utf-8")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_no_text_becomes_markup(page: str) -> None:
    tags = _Tags()
    tags.feed(page)
    names = {tag for tag, _ in tags.found}
    assert not names & {"script", "img", "iframe", "link", "object", "a"}
    assert not any(name.startswith("on") for _, attrs in tags.found for name in attrs)
    assert "{{ 7 * 7 }}" in page and page.count("&lt;script&gt;") >= 8


def test_it_is_one_file_that_asks_nobody_for_anything(page: str) -> None:
    assert not re.search(r"https?://|url\(|@import| src=", page.replace("&lt;img src=x", ""))
    assert "default-src 'none'" in page


def test_the_verdict_comes_first_and_what_is_shared_is_shaded(page: str) -> None:
    assert page.index("<h1>It has learned the voice") < page.index("<svg")
    assert "<mark>honest post number 7 of the corpus</mark>" in page
    assert page.count("a copy</span>") == 2  # the hostile row and the honest one are in the corpus word for word


def test_charts_are_well_formed_and_inside_their_frame(page: str) -> None:
    figures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(figures) == 3
    for figure in figures:
        tree = ElementTree.fromstring(figure)
        for line in tree.iter("polyline"):
            for point in line.attrib["points"].split():
                x, y = map(float, point.split(","))
                assert 0 <= x <= charts.WIDTH and 0 <= y <= charts.HEIGHT
        for bar in tree.iter("rect"):
            assert float(bar.attrib["height"]) >= 0 and float(bar.attrib["y"]) >= 0


@pytest.mark.parametrize(
    ("changes", "headline_part", "grade"),
    [
        ({}, "learned the voice", "good"),
        ({"samples": _metrics()["samples"] | {"stopped": 0.98}}, "Not ready", "bad"),
        ({"samples": _metrics()["samples"] | {"copied": 0.2}}, "Not ready", "bad"),
        ({"samples": _metrics()["samples"] | {"copied": 0.03}}, "keep an eye", "careful"),
        ({"after": {"loss": 4.7, "bits_per_byte": 2}}, "Not ready", "bad"),
        ({"after": {"loss": 4.58, "bits_per_byte": 2}}, "keep an eye", "careful"),
    ],
)
def test_the_verdict_follows_the_numbers(changes: dict[str, Any], headline_part: str, grade: str) -> None:
    found = remarks(_metrics(**changes), max_copy=0.05)
    assert headline_part in headline(found) and found[0].grade == grade


def test_what_is_not_good_says_what_to_do() -> None:
    found = remarks(_metrics(samples=_metrics()["samples"] | {"stopped": 0.9, "copied": 0.2}), max_copy=0.05)
    assert [remark.text.replace("\N{NO-BREAK SPACE}", " ") for remark in found if remark.grade == "bad"] == [
        "20.0 % of its fresh posts repeat most of a post it was taught, above the limit of 5 %: train less, or on more "
        "posts.",
        "Only 90.0 % of its posts end by themselves (99 % are wanted); the rest is thrown away: train longer, or raise "
        "max_tokens.",
    ]


@pytest.mark.parametrize(("step", "side"), [(1, "start"), (100, "end")])
def test_the_mark_s_label_stays_clear_of_the_axis(step: int, side: str) -> None:
    drawn = charts.curves([charts.Line("x", [(0, 4.0), (100, 3.0)], "a")], x_label="steps", mark=step)
    [(x, anchor)] = re.findall(r'<text class="mark" x="([\d.]+)" y="\d+" text-anchor="(\w+)">kept', drawn)
    assert anchor == side and charts.LEFT < float(x) < charts.WIDTH - charts.RIGHT


def test_a_run_of_one_check_and_no_spread_is_drawn_too() -> None:
    flat = charts.curves([charts.Line("x", [(0, 0.0)], "a")], x_label="steps", percent=True)
    assert ElementTree.fromstring(re.sub(r"<figcaption>.*", "</figure>", flat)) is not None
    assert "nan" not in charts.curves([charts.Line("x", [(0, 4.0), (1, 4.0)], "a")], x_label="steps")
