"""The timeline picture: what happened to a pod, and when each backend charges for it, as inline SVG.

Drawn with classes only, so that it follows the page's palette.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import attrs

from flytekitplugins_podtriage.report.explanation import Explanation
from flytekitplugins_podtriage.report.html.document import text
from flytekitplugins_podtriage.report.text.humanize import clock
from flytekitplugins_podtriage.report.timeline import Mark
from flytekitplugins_podtriage.report.who_pays import Bill

WIDTH = 960
LEFT, RIGHT = 120, 180
LABEL_ROWS = 4
ROW = 16
LANE = 30
_CHARACTER = 6.6
"""Width of a character of the labels, in units of the picture; on the wide side."""
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 604800, 2592000)
_MOST_TICKS = 8


@attrs.frozen
class Scale:
    """From moments to places on the picture."""

    begin: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        """The span that is shown."""
        return max((self.end - self.begin).total_seconds(), 1.0)

    def x(self, at: datetime) -> float:
        """Return the place of a moment; moments beyond an end are put at it."""
        share = (at - self.begin).total_seconds() / self.seconds
        return LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)

    def holds(self, at: datetime) -> bool:
        """Whether a moment is within what is shown."""
        return self.begin <= at <= self.end

    def ticks(self) -> Iterator[datetime]:
        """Yield round times, a handful of them."""
        step = next((step for step in _STEPS if self.seconds / step <= _MOST_TICKS), _STEPS[-1])
        first = self.begin.timestamp() // step * step + step
        for number in range(_MOST_TICKS + 1):
            at = self.begin + timedelta(seconds=first - self.begin.timestamp() + number * step)
            if at > self.end:
                return
            yield at


def picture(told: Explanation) -> str:
    """Return the timeline of a pod as an ``<svg>`` element; nothing where there is no story to draw."""
    if not told.story:
        return ""
    scale = _scale(told)
    labels, rows = _placed(told, scale)
    rail = 14 + rows * ROW + 12
    height = rail + 22 + (LANE * len(told.bills) + 8 if told.bills else 0) + 26
    parts = [f'<text x="0" y="{rail + 4}" class="b">the pod</text>']
    for at in scale.ticks():
        x = scale.x(at)
        parts.append(f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{rail}" y2="{height - 20}"/>')
        parts.append(f'<text class="s" x="{x:.1f}" y="{height - 6}" text-anchor="middle">{clock(at, told.now)}</text>')
    parts.append(f'<line class="rail" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{rail}" y2="{rail}"/>')
    if scale.holds(told.now):
        x = scale.x(told.now)
        parts.append(f'<line class="now" x1="{x:.1f}" x2="{x:.1f}" y1="10" y2="{height - 20}"/>')
        parts.append(f'<text class="b" x="{x:.1f}" y="9" text-anchor="middle">now</text>')
    parts.extend(labels)
    parts.extend(_mark(mark, scale.x(mark.at), rail, told.now) for mark in told.story if scale.holds(mark.at))
    for place, bill in enumerate(told.bills):
        parts.extend(_lane(bill, scale, rail + 26 + place * LANE, told))
    title = f"Timeline of {told.name}: {', '.join(mark.label for mark in told.story[:20])}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{text(title)}">\n' + "\n".join(parts) + "\n</svg>"
    )


def _scale(told: Explanation) -> Scale:
    """Choose the span: the story, the present, and the charges that are near enough to be seen beside it."""
    begin, last = told.story[0].at, told.story[-1].at
    so_far = max(told.now - begin, timedelta(seconds=10))
    if told.over or not told.bills or told.now - last > 20 * max(last - begin, timedelta(minutes=1)):
        # It is over, or long ago: the story itself.
        end = max(last, begin + timedelta(seconds=10))
        near = max(last - begin, timedelta(seconds=10))
    else:
        end, near = told.now, so_far
    for bill in told.bills:
        at = bill.charge.at
        if at is not None and end < at < begin + 4 * near:
            end = at
    return Scale(begin, begin + (end - begin) * 1.03)


def _placed(told: Explanation, scale: Scale) -> tuple[list[str], int]:
    """Put the labels above the line, each in the lowest row with room; one that finds none is left to its mark."""
    ends = [-1.0] * LABEL_ROWS
    chosen: list[tuple[Mark, float, int]] = []
    for mark in told.story:
        if not scale.holds(mark.at):
            continue
        x = scale.x(mark.at)
        width = len(_label(mark)) * _CHARACTER
        for row in range(LABEL_ROWS):
            if x - 3 > ends[row]:
                ends[row] = x + width
                chosen.append((mark, x, row))
                break
    rows = max((row for _, _, row in chosen), default=0) + 1
    rail = 14 + rows * ROW + 12
    parts = []
    for mark, x, row in chosen:
        y = rail - 12 - row * ROW
        if row:
            parts.append(f'<line class="lead" x1="{x:.1f}" x2="{x:.1f}" y1="{rail - 6}" y2="{y - 3}"/>')
        parts.append(f'<text class="l" x="{x + (2 if row else -2):.1f}" y="{y}">{text(_label(mark))}</text>')
    # Lines first: each label has a rim of the ground's colour, and so stays readable where a line passes behind it.
    return sorted(parts, key=lambda part: part.startswith("<text")), rows


def _label(mark: Mark) -> str:
    return f"{mark.label} (\u00d7{mark.count})" if mark.count > 1 else mark.label


def _mark(mark: Mark, x: float, y: float, now: datetime) -> str:
    said = f"{clock(mark.at, now)} {_label(mark)}" + (f": {mark.text}" if mark.text else "")
    return f'<circle class="m {mark.tone.value}" cx="{x:.1f}" cy="{y}" r="6"><title>{text(said)}</title></circle>'


def _lane(bill: Bill, scale: Scale, y: float, told: Explanation) -> Iterator[str]:
    """One backend: a bar until it charges, and the charge."""
    at = bill.charge.at
    if at is not None and told.over:
        at = min(at, told.story[-1].at)
    until = at if at is not None and scale.holds(at) else scale.end
    x = scale.x(until)
    yield f'<text x="0" y="{y + 13}">{text(bill.label)}</text>'
    yield f'<rect class="lane" x="{LEFT}" y="{y}" width="{max(x - LEFT, 0):.1f}" height="18" rx="3"/>'
    paid = bill.charge.kind.value.lower() if bill.charge.kind is not None else "nobody"
    cls = "f-none" if bill.charge.kind is None else "f-wrong" if bill.wrong else "f-right"
    if at is None:
        yield f'<text class="s" x="{x + 6:.1f}" y="{y + 13}">nobody pays</text>'
        return
    who = f"{paid} pays {told.when(bill)}"
    title = f"<title>{text(f'{bill.label}: {who}; {bill.then}')}</title>"
    if scale.holds(at):
        points = f"{x - 7:.1f},{y - 3} {x + 7:.1f},{y - 3} {x:.1f},{y + 10}"
        yield f'<polygon class="{cls}" points="{points}">{title}</polygon>'
        yield f'<text class="b" x="{x + 11:.1f}" y="{y + 13}">{text(who)}</text>'
    elif at > scale.end:
        points = f"{x:.1f},{y} {x + 9:.1f},{y + 9} {x:.1f},{y + 18}"
        yield f'<polygon class="{cls}" points="{points}">{title}</polygon>'
        yield f'<text class="b" x="{x + 14:.1f}" y="{y + 13}">{text(who)}</text>'
