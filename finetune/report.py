"""``report.html``: one page about a run that needs nothing else. Every text in it is escaped by the template."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from finetune import measures
from finetune.charts import Line, bars, curves
from finetune.recipe import Recipe
from finetune.sample import Sample
from finetune.verdict import headline, remarks
from moderation.echo import EchoIndex
from moderation.echo.compare import longest_run
from moderation.echo.copying import COPIED
from moderation.echo.words import split

BINS = 14
SHORTEST_RUN = 3  # words; a shorter one is shaded nowhere


@dataclass(frozen=True, slots=True)
class Shown:
    """A sample as the page shows it: before, inside and after the words it shares with its nearest post."""

    before: str
    shared: str
    after: str
    row: str | None
    run_words: int
    copied: bool
    stopped: bool
    topic: str | None


def write_report(
    path: Path,
    *,
    name: str,
    base: str,
    recipe: Recipe,
    settled: Mapping[str, Any],
    metrics: Mapping[str, Any],
    data: Mapping[str, Any],
    versions: Mapping[str, str],
    samples: Sequence[Sample],
    rows: Sequence[str],
    echo: EchoIndex,
    command: str,
) -> None:
    """Write the page.

    Args:
        path: of the file.
        name: of the adapter.
        base: of the base.
        recipe: the settings as given.
        settled: what the recipe left open and the run chose.
        metrics: as in the adapter's card.
        data: the data card.
        versions: of the libraries.
        samples: fresh posts at several temperatures, and some with topics.
        rows: training posts, for the lengths.
        echo: index of the training posts.
        command: what to type to make this adapter again.
    """
    found = remarks(metrics, recipe.max_copy)
    temperatures = sorted({sample.temperature for sample in samples if sample.topic is None})
    page = Environment(
        loader=PackageLoader("finetune"),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("report.html")
    path.write_text(
        page.render(
            name=name,
            base=base,
            headline=headline(found),
            grade=found[0].grade,
            remarks=found,
            metrics=metrics,
            loss_chart=_loss_chart(metrics),
            copy_chart=_copy_chart(metrics, recipe.max_copy),
            length_chart=_length_chart([sample.text for sample in samples if sample.topic is None], rows),
            sets=[
                (temperature, [_shown(s, echo) for s in samples if s.topic is None and s.temperature == temperature])
                for temperature in temperatures
            ],
            asked=[_shown(sample, echo) for sample in samples if sample.topic is not None][:8],
            data=data,
            recipe=recipe.to_toml() or "# every setting at its default\n",
            settled=settled,
            versions=versions,
            command=command,
        ),
        encoding="utf-8",
    )


def _shown(sample: Sample, echo: EchoIndex) -> Shown:
    match = echo.nearest(sample.text)
    words = split(sample.text)
    run, first = longest_run(words.words, split(match.row).words) if match else (0, 0)
    start, end = (words.spans[first][0], words.spans[first + run - 1][1]) if run >= SHORTEST_RUN else (0, 0)
    return Shown(
        sample.text[:start],
        sample.text[start:end],
        sample.text[end:],
        match.row if match else None,
        run,
        run >= COPIED * max(1, len(words)) and run > SHORTEST_RUN,
        sample.stopped,
        sample.topic,
    )


def _loss_chart(metrics: Mapping[str, Any]) -> str:
    losses, checks = metrics["losses"], metrics["checks"]
    held = [(0.0, metrics["before"]["loss"]), *((check["step"], check["loss"]) for check in checks)]
    # The first losses stand far above the rest; a window of a fortieth of the run shows the course without the noise.
    window = max(1, len(losses) // 40)
    smooth = [
        (float(i + 1), sum(losses[max(0, i + 1 - window) : i + 1]) / min(window, i + 1))
        for i in range(0, len(losses), max(1, len(losses) // 200))
    ]
    lines = [Line("training", smooth, "b"), Line("held-out posts", held, "a", dots=True)]
    return curves(lines, x_label="steps", mark=metrics["chosen_step"])


def _copy_chart(metrics: Mapping[str, Any], limit: float) -> str:
    checks = metrics["checks"]
    lines = [
        Line("samples that copy a post", [(check["step"], check["copied"]) for check in checks], "a", dots=True),
        Line("8-word runs copied", [(check["step"], check["copied_runs"]) for check in checks], "b", dots=True),
    ]
    return curves(lines, x_label="steps", percent=True, mark=metrics["chosen_step"], limit=limit)


def _length_chart(samples: Sequence[str], rows: Sequence[str]) -> str:
    lengths = sorted(len(measures.words(row)) for row in rows) or [1]
    width = max(1, math.ceil(lengths[int(0.97 * (len(lengths) - 1))] / (BINS - 1)))
    labels = [f"{k * width}" for k in range(BINS - 1)] + [f"{(BINS - 1) * width}+"]
    return bars(
        [
            ("real posts", measures.histogram(rows, width, BINS), "b"),
            ("its posts", measures.histogram(samples, width, BINS), "a"),
        ],
        labels,
        x_label="words",
    )
