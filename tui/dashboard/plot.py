"""A curve as lines of text, drawn in braille dots: two columns and four rows per character."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

Point = tuple[float, float]

_DOT_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The bit of each dot in a braille character, by column and row (Unicode 16, block U+2800)."""
_BLANK = 0x2800
_LABEL_WIDTH = 7
_MARK = "o"
_GREATEST = 1e300
"""Values of this size and more, infinity and NaN cannot be drawn."""


@dataclass(frozen=True)
class _Frame:
    """The range of values that the drawing covers."""

    left: float
    right: float
    bottom: float
    top: float

    def dot(self, point: Point, columns: int, rows: int) -> tuple[int, int]:
        """Return a point's position on a grid of dots, counted from the upper left."""
        across = (point[0] - self.left) / (self.right - self.left)
        down = (self.top - point[1]) / (self.top - self.bottom)
        return round(across * (columns - 1)), round(down * (rows - 1))


def plot(
    points: Sequence[Point], width: int, height: int, marks: Sequence[Point] = ()
) -> list[str]:
    """Draw `points` as one curve and `marks` as `o`, on the same axes.

    Returns `height` lines of `width` characters, with the greatest and least value at the left and
    the horizontal range below, if they fit. Values that are not finite, or beyond 1e300, are left
    out; several values in one column of dots are drawn as their mean.
    """
    if width < 1 or height < 1:
        return []
    points, marks = _finite(points), _finite(marks)
    if not points and not marks:
        return [" " * width] * height
    labelled = width >= 3 * _LABEL_WIDTH and height >= 3
    columns, rows = (width - _LABEL_WIDTH, height - 1) if labelled else (width, height)
    points = _means(points, 2 * columns)
    frame = _frame([*points, *marks])
    drawn = _overlay(_braille(points, frame, columns, rows), marks, frame)
    return _labelled(drawn, frame, width) if labelled else drawn


def _finite(points: Iterable[Point]) -> list[Point]:
    return [point for point in points if all(abs(value) < _GREATEST for value in point)]


def _frame(points: Sequence[Point]) -> _Frame:
    across, up = [point[0] for point in points], [point[1] for point in points]
    left, right, bottom, top = min(across), max(across), min(up), max(up)
    if left == right:
        left, right = left - 1, right + 1
    if top - bottom <= 1e-9 * max(abs(top), abs(bottom), 1e-9):
        pad = abs(top) / 2 or 1.0
        bottom, top = bottom - pad, top + pad
    return _Frame(left, right, bottom, top)


def _means(points: Sequence[Point], columns: int) -> list[Point]:
    """Return the mean of the points in each of so many equal horizontal intervals."""
    if len(points) < 2:
        return list(points)
    left, right = min(points)[0], max(points)[0]
    found: dict[int, list[Point]] = {}
    for point in sorted(points):
        place = round((point[0] - left) / ((right - left) or 1) * (columns - 1))
        found.setdefault(place, []).append(point)
    return [
        (left + (right - left) * place / max(1, columns - 1), fmean(up for _, up in group))
        for place, group in found.items()
    ]


def _braille(points: Sequence[Point], frame: _Frame, columns: int, rows: int) -> list[str]:
    cells = [[0] * columns for _ in range(rows)]
    for across, down in _dots([frame.dot(point, 2 * columns, 4 * rows) for point in points]):
        cells[down // 4][across // 2] |= _DOT_BITS[across % 2][down % 4]
    return ["".join(chr(_BLANK + bits) if bits else " " for bits in row) for row in cells]


def _dots(path: Sequence[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Yield every dot of the line through the given ones, without gaps."""
    yield from path[:1]
    for last, here in pairwise(path):
        across, down = here[0] - last[0], here[1] - last[1]
        steps = max(abs(across), abs(down), 1)
        for n in range(1, steps + 1):
            yield last[0] + round(across * n / steps), last[1] + round(down * n / steps)


def _overlay(drawn: list[str], marks: Sequence[Point], frame: _Frame) -> list[str]:
    rows = [list(line) for line in drawn]
    for mark in marks:
        across, down = frame.dot(mark, len(rows[0]), len(rows))
        rows[down][across] = _MARK
    return ["".join(row) for row in rows]


def _labelled(drawn: list[str], frame: _Frame, width: int) -> list[str]:
    labels = [""] * len(drawn)
    labels[-1] = _value(frame.bottom)
    labels[0] = _value(frame.top)
    lines = [
        f"{label:>{_LABEL_WIDTH - 1}} {line}" for label, line in zip(labels, drawn, strict=True)
    ]
    left, right = f"{frame.left:.10g}", f"{frame.right:.10g}"
    gap = width - _LABEL_WIDTH - len(left)
    return [*lines, f"{' ' * _LABEL_WIDTH}{left}{right:>{gap}}"[:width].ljust(width)]


def _value(value: float) -> str:
    for form in (f"{value:.3f}", f"{value:.1f}", f"{value:.0e}"):
        if len(form) < _LABEL_WIDTH - (value < 0):
            return form
    return "…"
