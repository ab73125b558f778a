"""Draw pictures of boxes, texts and arrows as SVG, readable on a light and on a dark page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

CHARACTER = 0.61
"""The widest that a letter of a monospaced font is, of its size."""
SIZE = 13
"""Pixels: the font of all but headings."""
LINE = 18
STYLE = """
text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1f2328 }
.head { font-weight: bold }
.quiet { fill: #59636e }
.good { fill: #116329 }
.bad { fill: #a40e26 }
.page { fill: #ffffff }
.box { fill: #f6f8fa; stroke: #8c959f }
.good-box { fill: #dafbe1; stroke: #4ac26b }
.bad-box { fill: #ffebe9; stroke: #ff8182 }
.review-box { fill: #fff8c5; stroke: #d4a72c }
.arrow { fill: none; stroke: #59636e; stroke-width: 1.5 }
.tip { fill: #59636e }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .quiet { fill: #9198a1 }
  .good { fill: #56d364 }
  .bad { fill: #ff7b72 }
  .page { fill: #0d1117 }
  .box { fill: #161b22; stroke: #656c76 }
  .good-box { fill: #12261e; stroke: #2ea043 }
  .bad-box { fill: #2d1516; stroke: #da3633 }
  .review-box { fill: #272115; stroke: #9e6a03 }
  .arrow { stroke: #9198a1 }
  .tip { fill: #9198a1 }
}
"""


class Place(NamedTuple):
    """A rectangle, in pixels from the upper left corner of the picture."""

    x: float
    y: float
    width: float
    height: float


class Picture:
    """A picture that grows by what is drawn in it."""

    def __init__(self, title: str, width: int) -> None:
        self.title, self.width, self.height = title, width, 0.0
        self._parts: list[str] = []

    def text(
        self, x: float, y: float, words: str, kind: str = "", *, centred: bool = False
    ) -> None:
        """Write a line whose letters stand on ``y``. Raises ValueError if it would be clipped."""
        wide = len(words) * SIZE * CHARACTER
        left = x - wide / 2 if centred else x
        if left < 0 or left + wide > self.width:
            raise ValueError(f"a line does not fit into the picture: {words!r}")
        named = f' class="{kind}"' if kind else ""
        anchor = ' text-anchor="middle"' if centred else ""
        self._parts.append(
            f'<text x="{x:g}" y="{y:g}"{named}{anchor} xml:space="preserve">{escape(words)}</text>'
        )
        self.height = max(self.height, y + 6)

    def box(self, place: Place, lines: Sequence[tuple[str, str]], kind: str = "box") -> Place:
        """Draw a box with lines: texts and their classes. Raises ValueError if one is too long."""
        x, y, width, height = place
        for number, (words, _) in enumerate(lines):
            if len(words) * SIZE * CHARACTER > width - 16:
                raise ValueError(f"line {number} leaves its box: {words!r}")
        if len(lines) * LINE > height - 8:
            raise ValueError(f"{len(lines)} lines leave their box: {lines[0]!r}")
        self._parts.append(
            f'<rect class="{kind}" x="{x:g}" y="{y:g}" '
            f'width="{width:g}" height="{height:g}" rx="6"/>'
        )
        for number, (words, style) in enumerate(lines):
            self.text(x + 8, y + 20 + number * LINE, words, style)
        self.height = max(self.height, y + height)
        return place

    def arrow(self, *points: tuple[float, float]) -> None:
        """Draw a line through the points, with a tip at the last one."""
        (x0, y0), (x1, y1) = points[-2:]
        across = abs(x1 - x0) > abs(y1 - y0)
        back = 7 if (x1 - x0 if across else y1 - y0) > 0 else -7
        end = (x1 - back, y1) if across else (x1, y1 - back)
        path = " L".join(f"{x:g} {y:g}" for x, y in (*points[:-1], end))
        wings = (
            f"{x1 - back:g},{y1 - 4:g} {x1 - back:g},{y1 + 4:g}"
            if across
            else f"{x1 - 4:g},{y1 - back:g} {x1 + 4:g},{y1 - back:g}"
        )
        self._parts.append(f'<path class="arrow" d="M{path}"/>')
        self._parts.append(f'<polygon class="tip" points="{x1:g},{y1:g} {wings}"/>')

    def svg(self) -> str:
        """Return the picture."""
        wide, high = self.width, round(self.height + 12)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" '
            f'width="{wide}" height="{high}" role="img">'
        )
        page = f'<rect class="page" width="{wide}" height="{high}" rx="6"/>'
        title = f"<title>{escape(self.title)}</title>"
        return "\n".join([head, title, f"<style>{STYLE}</style>", page, *self._parts, "</svg>\n"])
