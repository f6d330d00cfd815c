"""Small charts as inline SVG. Colours come from the page's style sheet, so that they suit dark and light."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 48, 16, 14, 34
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """One curve of a chart."""

    label: str
    points: Sequence[Point]
    style: str  # CSS class: "a", "b"
    dots: bool = False


def curves(
    lines: Sequence[Line], *, x_label: str, percent: bool = False, mark: float | None = None, limit: float | None = None
) -> str:
    """A line chart.

    Args:
        lines: the curves; empty ones are left out.
        x_label: what the horizontal axis counts.
        percent: whether the values are shares, drawn from 0.
        mark: a place on the horizontal axis to point at.
        limit: a value to draw a dashed line at.
    """
    lines = [line for line in lines if line.points]
    xs = [x for line in lines for x, _ in line.points] or [0.0, 1.0]
    ys = [y for line in lines for _, y in line.points] + ([limit] if limit is not None else []) or [0.0, 1.0]
    low, high = (0.0, max(0.02, max(ys) * 1.15)) if percent else (min(ys), max(ys))
    if high - low < 1e-9:
        high = low + (abs(low) or 1.0) * 0.1
    ticks = _ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    x_low, x_high = 0.0, max(xs) or 1.0

    def at(x: float, y: float) -> str:
        across = LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)
        return f"{across:.1f},{HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - TOP - BOTTOM):.1f}"

    parts = [_grid(ticks, low, high, percent)]
    if mark is not None:
        kept = at(mark, low).split(",")[0]
        parts.append(f'<line class="mark" x1="{kept}" x2="{kept}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        side = ("start", 5) if float(kept) < LEFT + 40 else ("end", -5)  # not over the numbers of the axis
        place = f'x="{float(kept) + side[1]:.1f}" y="{TOP + 10}" text-anchor="{side[0]}"'
        parts.append(f'<text class="mark" {place}>kept</text>')
    if limit is not None:
        high_enough = at(0, limit).split(",")[1]
        parts.append(f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{high_enough}" y2="{high_enough}"/>')
    for line in lines:
        parts.append(f'<polyline class="{line.style}" points="{" ".join(at(x, y) for x, y in line.points)}"/>')
        for x, y in line.points if line.dots else ():
            cx, cy = at(x, y).split(",")
            value = f"{y:.1%}" if percent else f"{y:.3f}"
            parts.append(f'<circle class="{line.style}" cx="{cx}" cy="{cy}" r="4"><title>{value}</title></circle>')
    for i, x in enumerate(_ticks(x_low, x_high)):
        if x <= x_high:
            across = at(x, low).split(",")[0]
            anchor = "start" if i == 0 else "middle"
            parts.append(f'<text x="{across}" y="{HEIGHT - 16}" text-anchor="{anchor}">{x:g}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 3}" text-anchor="end">{escape(x_label)}</text>')
    return _svg(parts, [(line.label, line.style) for line in lines])


def bars(pairs: Sequence[tuple[str, Sequence[float], str]], labels: Sequence[str], *, x_label: str) -> str:
    """Two or more histograms of shares, side by side in each bin: (label, shares, CSS class)."""
    high = max((share for _, shares, _ in pairs for share in shares), default=0.0) * 1.1 or 1.0
    ticks = _ticks(0.0, high)
    high = max(high, ticks[-1])
    bins = len(labels)
    room = (WIDTH - LEFT - RIGHT) / max(1, bins)
    wide = room * 0.8 / max(1, len(pairs))
    parts = [_grid(ticks, 0.0, high, True)]
    for which, (label, shares, style) in enumerate(pairs):
        for k, share in enumerate(shares):
            tall = share / high * (HEIGHT - TOP - BOTTOM)
            x = LEFT + k * room + room * 0.1 + which * wide
            parts.append(
                f'<rect class="{style}" x="{x:.1f}" y="{HEIGHT - BOTTOM - tall:.1f}" width="{wide:.1f}" '
                f'height="{tall:.1f}"><title>{escape(label)}, {escape(labels[k])}: {share:.1%}</title></rect>'
            )
    for k in range(0, bins, 2):
        x = LEFT + (k + 0.5) * room
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 16}" text-anchor="middle">{escape(labels[k])}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 3}" text-anchor="end">{escape(x_label)}</text>')
    return _svg(parts, [(label, style) for label, _, style in pairs])


def _grid(ticks: Sequence[float], low: float, high: float, percent: bool) -> str:
    found = []
    for tick in ticks:
        y = HEIGHT - BOTTOM - (tick - low) / (high - low) * (HEIGHT - TOP - BOTTOM)
        shown = f"{tick:.4g}" if not percent else f"{tick * 100:.4g} %"
        found.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        found.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{shown}</text>')
    return "".join(found)


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers that span a range."""
    raw = (high - low or abs(high) or 1.0) / 4
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    first = math.floor(low / step + 1e-9)
    return [round(step * k, 10) for k in range(first, math.ceil(high / step - 1e-9) + 1)]


def _svg(parts: Sequence[str], legend: Sequence[tuple[str, str]]) -> str:
    keys = "".join(f'<span class="key {style}">{escape(label)}</span>' for label, style in legend)
    title = escape(", ".join(label for label, _ in legend))
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">{"".join(parts)}</svg>'
        f"<figcaption>{keys}</figcaption></figure>"
    )
