"""The timeline picture: what happened to a pod, and when each backend charges for it, as inline SVG.

It uses classes only, so that it follows the page's palette.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import attrs

from flytekitplugins_podtriage.report.explanation import Explanation
from flytekitplugins_podtriage.report.html.document import text
from flytekitplugins_podtriage.report.text.humanize import format_clock
from flytekitplugins_podtriage.report.timeline import TimelineEntry
from flytekitplugins_podtriage.report.who_pays import BackendCharge

WIDTH = 960
NARROW_WIDTH = 440
"""Of the picture for a narrow page, where the wide one would be too small to read."""
_LABEL_ROWS = 4
_ROW_HEIGHT = 16
_LANE_HEIGHT = 30
_CHARACTER_WIDTH = 6.6
"""Of a label, in units of the picture; a generous estimate."""
_TICK_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 604800, 2592000)
_MAX_TICKS = 8
_MIN_SPAN = timedelta(seconds=10)


@attrs.frozen
class Scale:
    """Maps times to x coordinates."""

    begin: datetime
    end: datetime
    width: int = WIDTH

    @property
    def is_wide(self) -> bool:
        """Whether there is room for words beside the bars."""
        return self.width == WIDTH

    @property
    def left(self) -> int:
        """Where the span begins."""
        return 120 if self.is_wide else 94

    @property
    def right(self) -> int:
        """Where the span ends."""
        return self.width - (180 if self.is_wide else 16)

    @property
    def seconds(self) -> float:
        """The span that is shown."""
        return max((self.end - self.begin).total_seconds(), 1.0)

    def x(self, at: datetime) -> float:
        """Return the x coordinate of a time; times outside are put at the nearer end."""
        share = (at - self.begin).total_seconds() / self.seconds
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def __contains__(self, at: datetime) -> bool:
        return self.begin <= at <= self.end

    def ticks(self) -> Iterator[datetime]:
        """Yield a handful of round times."""
        most = _MAX_TICKS if self.is_wide else _MAX_TICKS // 2
        step = next((step for step in _TICK_STEPS if self.seconds / step <= most), _TICK_STEPS[-1])
        first = self.begin.timestamp() // step * step + step
        for number in range(_MAX_TICKS + 1):
            at = self.begin + timedelta(seconds=first - self.begin.timestamp() + number * step)
            if at > self.end:
                return
            yield at


def timeline_svg(explanation: Explanation, width: int = WIDTH) -> str:
    """Return the timeline of a pod as an ``<svg>`` element; nothing if the timeline is empty.

    Args:
        explanation: of the pod.
        width: ``WIDTH``, or ``NARROW_WIDTH`` for a narrow page.
    """
    if not explanation.timeline:
        return ""
    scale, now = attrs.evolve(_scale(explanation), width=width), explanation.now
    labels, rows = _labels(explanation, scale)
    rail = _rail_y(rows)
    height = rail + 22 + (_LANE_HEIGHT * len(explanation.charges) + 8 if explanation.charges else 0) + 26
    parts = [f'<text x="0" y="{rail + 4}" class="b">the pod</text>']
    for at in scale.ticks():
        x, time = scale.x(at), format_clock(at, now)
        parts.append(f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{rail}" y2="{height - 20}"/>')
        parts.append(f'<text class="s" x="{x:.1f}" y="{height - 6}" text-anchor="middle">{time}</text>')
    parts.append(f'<line class="rail" x1="{scale.left}" x2="{scale.right}" y1="{rail}" y2="{rail}"/>')
    if now in scale:
        x = scale.x(now)
        parts.append(f'<line class="now" x1="{x:.1f}" x2="{x:.1f}" y1="10" y2="{height - 20}"/>')
        parts.append(f'<text class="b" x="{x:.1f}" y="9" text-anchor="middle">now</text>')
    parts.extend(labels)
    parts.extend(_mark(entry, scale.x(entry.at), rail, now) for entry in explanation.timeline if entry.at in scale)
    for index, charge in enumerate(explanation.charges):
        parts.extend(_lane(charge, scale, rail + 26 + index * _LANE_HEIGHT, explanation))
    title = f"Timeline of {explanation.name}: {', '.join(entry.label for entry in explanation.timeline[:20])}"
    return (
        f'<svg class="{"wide" if scale.is_wide else "narrow"}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{text(title)}">\n' + "\n".join(parts) + "\n</svg>"
    )


def _scale(explanation: Explanation) -> Scale:
    """Choose the span: the timeline, the present, and the charges that are near enough."""
    now, charges = explanation.now, explanation.charges
    begin, last = explanation.timeline[0].at, explanation.timeline[-1].at
    is_past = now - last > 20 * max(last - begin, timedelta(minutes=1))
    if explanation.ended or not charges or is_past:
        end = max(last, begin + _MIN_SPAN)
        near = max(last - begin, _MIN_SPAN)
    else:
        end, near = now, max(now - begin, _MIN_SPAN)
    for charge in charges:
        at = charge.charge.at
        if at is not None and end < at < begin + 4 * near:
            end = at
    return Scale(begin, begin + (end - begin) * 1.03)


def _rail_y(rows: int) -> int:
    """Return the y coordinate of the pod's line, below some rows of labels."""
    return 14 + rows * _ROW_HEIGHT + 12


def _labels(explanation: Explanation, scale: Scale) -> tuple[list[str], int]:
    """Return the labels above the line, each in the lowest row with room, and the number of rows.

    An entry without room for its label keeps its tooltip.
    """
    row_ends = [-1.0] * _LABEL_ROWS
    labels: list[tuple[str, float, int]] = []
    for entry in explanation.timeline:
        if entry.at not in scale:
            continue
        x, label = scale.x(entry.at), entry.counted_label()
        row = next((row for row, end in enumerate(row_ends) if x - 3 > end), None)
        if row is not None and x + len(label) * _CHARACTER_WIDTH <= scale.width:
            row_ends[row] = x + len(label) * _CHARACTER_WIDTH
            labels.append((label, x, row))
    rows = max((row for _, _, row in labels), default=0) + 1
    rail = _rail_y(rows)
    lines, texts = [], []
    for label, x, row in labels:
        y = rail - 12 - row * _ROW_HEIGHT
        if row:
            lines.append(f'<line class="lead" x1="{x:.1f}" x2="{x:.1f}" y1="{rail - 6}" y2="{y - 3}"/>')
        texts.append(f'<text class="l" x="{x + 2:.1f}" y="{y}">{text(label)}</text>')
    # Texts come last: their outline in the background's colour keeps them readable where a line passes behind.
    return lines + texts, rows


def _mark(entry: TimelineEntry, x: float, y: float, now: datetime) -> str:
    title = f"{format_clock(entry.at, now)} {entry.counted_label()}" + (f": {entry.text}" if entry.text else "")
    return f'<circle class="m {entry.tone.value}" cx="{x:.1f}" cy="{y}" r="6"><title>{text(title)}</title></circle>'


def _lane(charge: BackendCharge, scale: Scale, y: float, explanation: Explanation) -> Iterator[str]:
    """Yield one backend: a bar until it charges, and the charge."""
    at = charge.charge.at
    if at is not None and explanation.ended:
        at = min(at, explanation.timeline[-1].at)
    x = scale.x(at if at is not None and at in scale else scale.end)
    yield f'<text x="0" y="{y + 13}">{text(charge.backend)}</text>'
    yield f'<rect class="lane" x="{scale.left}" y="{y}" width="{max(x - scale.left, 0):.1f}" height="18" rx="3"/>'
    if at is None:
        yield _lane_label("nobody pays", "s", x, 6, y, scale)
        return
    payer = charge.charge.kind.value.lower() if charge.charge.kind is not None else "nobody"
    cls = "f-none" if not charge.is_charged else "f-wrong" if charge.wrong else "f-right"
    label = f"{payer} pays {explanation.charge_time(charge)}"
    if at in scale:
        points, gap = f"{x - 7:.1f},{y - 3} {x + 7:.1f},{y - 3} {x:.1f},{y + 10}", 11
    elif at > scale.end:
        points, gap = f"{x:.1f},{y} {x + 9:.1f},{y + 9} {x:.1f},{y + 18}", 14
    else:
        return
    title = text(f"{charge.backend}: {label}; {charge.consequence}")
    yield f'<polygon class="{cls}" points="{points}"><title>{title}</title></polygon>'
    yield _lane_label(label, "b", x, gap, y, scale)


def _lane_label(label: str, cls: str, x: float, gap: int, y: float, scale: Scale) -> str:
    """Return a label at the right of x, or at its left if there is no room."""
    if x + gap + len(label) * _CHARACTER_WIDTH <= scale.width:
        return f'<text class="{cls}" x="{x + gap:.1f}" y="{y + 13}">{text(label)}</text>'
    return f'<text class="{cls}" x="{x - gap:.1f}" y="{y + 13}" text-anchor="end">{text(label)}</text>'
