"""Quality against depth as an SVG: a dot with its interval for every strategy, a band for what asks no model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any

_WIDTH, _HEIGHT = 720, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 460, 24, 328
_INK, _PALE, _DOT = "#1f2933", "#9aa5b1", "#2563a8"


def picture(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The plot of one kind of list, from rows by label with `ndcg10`, `low`, `high` and, where a model was asked, `depth` and `calls`."""
    asked = [(label, row) for label, row in rows.items() if "depth" in row]
    still = [(label, row) for label, row in rows.items() if "depth" not in row]
    low: float = math.floor(min(float(row["low"]) for row in rows.values()) * 20) / 20
    high: float = math.ceil(max(float(row["high"]) for row in rows.values()) * 20) / 20
    deepest = max(float(row["depth"]) for _, row in asked) * 1.25

    def x(depth: float) -> float:
        return _LEFT + 24 + (_RIGHT - _LEFT - 34) * math.log(depth) / math.log(deepest)

    def y(value: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * (value - low) / (high - low)

    parts = [_axes(low, high, y), *(_tick(x(depth), depth) for depth in (1, 2, 3, 5, 9, 19) if depth <= deepest)]
    for label, row in still:
        at = y(row["ndcg10"])
        parts.append(f'<line x1="{_LEFT}" y1="{at:.1f}" x2="{_RIGHT}" y2="{at:.1f}" stroke="{_PALE}" stroke-dasharray="4 3"/>')
        parts.append(_text(_LEFT + 34, at - 4, f"{label} {row['ndcg10']:.3f}", _INK))
    places = _apart([x(row["depth"]) for _, row in asked])
    for number, ((label, row), at) in enumerate(zip(asked, places, strict=True), start=1):
        parts.append(
            f'<line x1="{at:.1f}" y1="{y(row["low"]):.1f}" x2="{at:.1f}" y2="{y(row["high"]):.1f}" stroke="{_DOT}" opacity="0.45"/>'
        )
        parts.append(f'<circle cx="{at:.1f}" cy="{y(row["ndcg10"]):.1f}" r="4" fill="{_DOT}"><title>{escape(label)}</title></circle>')
        parts.append(_text(at, y(row["high"]) - 5, str(number), _INK, anchor="middle"))
        said = f"{number}  {label}: {row['ndcg10']:.3f}, {row['calls']:.0f} calls"
        parts.append(_text(_RIGHT + 20, _TOP + 20 * number, said, _INK))
    n = next(row["n"] for row in rows.values())
    parts.append(_text(_LEFT, 14, f"NDCG@10 with 95 % intervals, n = {n}", _INK))
    parts.append(
        _text((_LEFT + _RIGHT) / 2, _HEIGHT - 12, "depth: calls that wait for each other (near ones moved apart)", _INK, anchor="middle")
    )
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
    )


def _axes(low: float, high: float, y: Any) -> str:
    steps = round((high - low) / 0.05)
    lines = []
    for step in range(steps + 1):
        value = low + 0.05 * step
        lines.append(f'<line x1="{_LEFT}" y1="{y(value):.1f}" x2="{_RIGHT}" y2="{y(value):.1f}" stroke="#e4e7eb"/>')
        lines.append(_text(_LEFT - 6, y(value) + 4, f"{value:.2f}", _INK, anchor="end"))
    return "\n".join(lines)


def _tick(at: float, depth: int) -> str:
    return f'<line x1="{at:.1f}" y1="{_BOTTOM}" x2="{at:.1f}" y2="{_BOTTOM + 5}" stroke="{_INK}"/>' + _text(
        at, _BOTTOM + 18, str(depth), _INK, anchor="middle"
    )


def _apart(places: list[float], gap: float = 16.0) -> list[float]:
    """Places moved to the right until no two are nearer than `gap`, in their order of size."""
    out, last = dict[int, float](), -math.inf
    for number in sorted(range(len(places)), key=places.__getitem__):
        last = out[number] = max(places[number], last + gap)
    return [out[number] for number in range(len(places))]


def _text(x: float, y: float, text: str, fill: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}">{escape(text)}</text>'
