"""Draws the report's pictures, by matplotlib, as PNG.

PNG and not SVG: matplotlib's SVG is made of inline styles, and Jenkins sends every archived file with a policy that
forbids them. Firefox applies it to the picture itself, which then is black. A PNG is the same everywhere.

Each picture comes in light and dark, and for wide and narrow screens: shrunk to a phone's width, the writing of a wide
one could not be read. A name is drawn as it is: matplotlib would take what stands between two $ for mathematics.
"""

import io
import logging
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

# Read when matplotlib is imported: where it may keep its list of fonts. A pod's home folder is often read-only.
if os.environ.get("WORKSPACE_TMP"):
    os.environ.setdefault("MPLCONFIGDIR", str(Path(os.environ["WORKSPACE_TMP"], "bqsteps", "matplotlib").absolute()))
logging.getLogger("matplotlib").addHandler(logging.NullHandler())
logging.getLogger("matplotlib").propagate = False

import matplotlib as mpl  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import MaxNLocator  # noqa: E402
from PIL import Image  # noqa: E402

from bqsteps.build_queries import Unit  # noqa: E402
from bqsteps.drawings import Bars, Drawing, Durations, Outcomes, Ranges, Shares  # noqa: E402
from bqsteps.sections import MONTHS, percent  # noqa: E402

_DENSITY: Final = 2  # pixels for one of CSS', for sharp writing on every screen
_CSS_INCH: Final = 96  # pixels of CSS
_SMALL: Final = 9.0  # points, of all writing: 12 pixels
_MOST_COLOURS: Final = 128  # of a picture, shades at the edges of writing included
_ROW: Final = 44  # pixels of a ranked row: the line of its name, and its bar


class Theme(NamedTuple):
    """Colours. Those of data are told apart by people of any colour vision, and by their lightness."""

    name: str
    ground: str
    text: str
    quiet: str
    grid: str
    good: str
    middling: str
    bad: str


THEMES: Final = (
    Theme("light", "#ffffff", "#1b1f24", "#57606a", "#d8dee4", "#0072b2", "#b58900", "#c8501e"),
    Theme("dark", "#14181d", "#e6edf3", "#9aa4af", "#343b44", "#56b4e9", "#e6c04b", "#f0824c"),
)


class Width(NamedTuple):
    """For which screens a picture is, and how wide it is in pixels of CSS."""

    name: str
    pixels: int


WIDTHS: Final = (Width("wide", 880), Width("narrow", 358))


class Picture(NamedTuple):
    """One file, and its size in pixels of CSS."""

    theme: str
    width_name: str
    width: int
    height: int
    png: bytes


def draw(drawing: Drawing) -> list[Picture]:
    """The drawing in each theme and width."""
    return [_draw(drawing, theme, width) for width in WIDTHS for theme in THEMES]


def _draw(drawing: Drawing, theme: Theme, width: Width) -> Picture:
    with mpl.rc_context({**mpl.rcParamsDefault, **_style(theme)}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the table has the name whole
        canvas = _Canvas(theme, width)
        _DRAW[type(drawing)](canvas, drawing)
        return canvas.picture()


def _style(theme: Theme) -> Any:  # noqa: ANN401  # matplotlib has a type for each key
    """Whatever a matplotlibrc in the team's folder says, a report looks like one."""
    return {
        "axes.edgecolor": theme.grid,
        "axes.facecolor": theme.ground,
        "axes.labelcolor": theme.quiet,
        "axes.spines.left": False,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlecolor": theme.quiet,
        "axes.titlelocation": "left",
        "axes.titlesize": _SMALL,
        "figure.facecolor": theme.ground,
        "font.family": ["DejaVu Sans"],
        "font.size": _SMALL,
        "grid.color": theme.grid,
        "text.color": theme.text,
        "text.parse_math": False,
        "xtick.color": theme.grid,
        "xtick.labelcolor": theme.quiet,
        "ytick.color": theme.grid,
        "ytick.labelcolor": theme.quiet,
        "ytick.left": False,
    }


class _Canvas:
    """A figure of a known width, whose height follows from what is put on it."""

    def __init__(self, theme: Theme, width: Width) -> None:
        self.theme = theme
        self.width = width.pixels
        self.is_narrow = width.name == "narrow"
        self._name = width.name
        self.figure = Figure(dpi=_CSS_INCH * _DENSITY)
        self._canvas = FigureCanvasAgg(self.figure)
        self.height = 0

    def panels(self, *heights: int, left: int, right: int, top: int, bottom: int, between: int = 0) -> list[Axes]:
        """Axes below each other, all lengths in pixels of CSS."""
        self.height = top + sum(heights) + between * (len(heights) - 1) + bottom
        self.figure.set_size_inches(self.width / _CSS_INCH, self.height / _CSS_INCH)
        made, offset = [], top
        for height in heights:
            low = self.height - offset - height
            box = (left / self.width, low / self.height, (self.width - left - right) / self.width, height / self.height)
            made.append(self.figure.add_axes(box))
            offset += height + between
        return made

    def fit(self, text: str, pixels: float) -> str:
        """The text, or its beginning and end where it is too long: the end of a job's name is what tells it apart."""
        if self.length(text) <= pixels:
            return text
        kept = len(text)
        while kept > 2 and self.length(_middle(text, kept)) > pixels:  # noqa: PLR2004  # a character on each side
            kept = min(kept - 1, int(kept * 0.9))
        return _middle(text, kept)

    def length(self, text: str) -> float:
        """How long a text is, in pixels of CSS."""
        renderer = self._canvas.get_renderer()  # type: ignore[no-untyped-call]
        drawn = self.figure.text(0, 0, text)
        length = drawn.get_window_extent(renderer).width / self.figure.dpi * _CSS_INCH
        drawn.remove()
        return float(length)

    def picture(self) -> Picture:
        self._canvas.draw()  # type: ignore[no-untyped-call]
        size = self._canvas.get_width_height()
        pixels = bytes(self._canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        drawn = Image.frombytes("RGBA", size, pixels).convert("RGB")
        # Few colours, so that a file is a third as large, and written in half the time.
        few = drawn.quantize(_MOST_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        file = io.BytesIO()
        few.save(file, "png")
        return Picture(self.theme.name, self._name, self.width, self.height, file.getvalue())


def _middle(text: str, kept: int) -> str:
    return f"{text[: kept // 3]}…{text[len(text) - (kept - kept // 3) :]}"


def _outcomes(canvas: _Canvas, drawing: Outcomes) -> None:
    theme, positions = canvas.theme, range(len(drawing.starts))
    totals = [sum(each) for each in zip(drawing.succeeded, drawing.unstable, drawing.failed, strict=True)]
    left = max(44, round(canvas.length(f"{max(totals):,}")) + 14)
    right = _room_right(drawing.unit)
    rate, volume = canvas.panels(150, 90, left=left, right=right, top=30, bottom=26, between=54)
    shares = [100 * good / total if total else None for good, total in zip(drawing.succeeded, totals, strict=True)]
    rate.set_title("success rate", pad=10)
    _line(rate, shares, theme.good)
    _point_out(rate, shares, drawing)
    rate.set(ylim=(0, 104), yticks=(0, 50, 100), yticklabels=("0%", "50%", "100%"))
    volume.set_title("builds, by how they ended", pad=24)
    below = [0] * len(totals)
    series = (
        ("succeeded", drawing.succeeded, theme.good),
        ("unstable", drawing.unstable, theme.middling),
        ("failed", drawing.failed, theme.bad),
    )
    for name, values, colour in series:
        if any(values):
            volume.bar(positions, values, 0.8, below, color=colour, label=name)
            below = [low + value for low, value in zip(below, values, strict=True)]
    volume.legend(
        loc="lower left", bbox_to_anchor=(-0.008, 0.97), ncols=3, frameon=False, handlelength=0.9, handleheight=0.9,
        handletextpad=0.4, columnspacing=1.2, borderpad=0,
    )  # fmt: skip
    top = max(totals)
    volume.set(ylim=(0, top * 1.08), yticks=(0, top), yticklabels=("0", f"{top:,}"))
    for axes in (rate, volume):
        _time_axis(axes, drawing.starts, canvas, drawing.unit)
    rate.tick_params(labelbottom=False)


def _point_out(axes: Axes, shares: Sequence[float | None], drawing: Outcomes) -> None:
    """Write the share beside the point of the unit that had the most builds without success."""
    without = [bad + middling for bad, middling in zip(drawing.failed, drawing.unstable, strict=True)]
    position = without.index(max(without))
    share, is_late = shares[position], position > len(shares) / 2
    if share is None or not max(without):
        return
    axes.plot([position], [share], "o", markersize=5, color=axes.lines[0].get_color())
    axes.annotate(
        f"{percent(round(share * 100), 10_000)}, {_date(drawing.starts[position], drawing.unit)}", (position, share),
        xytext=(-8 if is_late else 8, -3), textcoords="offset points", ha="right" if is_late else "left", va="top",
    )  # fmt: skip


def _durations(canvas: _Canvas, drawing: Durations) -> None:
    panels = canvas.panels(110, 110, left=44, right=_room_right(drawing.unit), top=30, bottom=26, between=46)
    series = (("median", drawing.median, canvas.theme.good), ("95th percentile", drawing.p95, canvas.theme.bad))
    for axes, (name, values, colour) in zip(panels, series, strict=True):
        most = max(value for value in values if value is not None)
        unit, seconds = _unit_of(most)
        axes.set_title(f"{name}, {unit}", pad=10)
        _line(axes, [None if value is None else value / seconds for value in values], colour)
        axes.set_ylim(0, most / seconds * 1.08 or 1)  # from nothing: a rise looks as large as it is
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=(1, 2, 5, 10)))
        _time_axis(axes, drawing.starts, canvas, drawing.unit)
    panels[0].tick_params(labelbottom=False)


def _unit_of(seconds: float) -> tuple[str, int]:
    """The unit in which a duration is some few, and how many seconds it has."""
    if seconds < 180:  # noqa: PLR2004  # three minutes
        return "seconds", 1
    return ("minutes", 60) if seconds < 10_800 else ("hours", 3600)  # noqa: PLR2004  # three hours


def _line(axes: Axes, values: Sequence[float | None], colour: str) -> None:
    """A line with a gap where there was no build. A point with no neighbour would be no line: it is a dot."""
    axes.plot(range(len(values)), [float("nan") if v is None else v for v in values], color=colour, linewidth=2)
    padded = (None, *values, None)
    alone = [
        position
        for position, (before, value, after) in enumerate(zip(padded, values, padded[2:], strict=False))
        if value is not None and before is None and after is None
    ]
    axes.plot(alone, [values[position] for position in alone], "o", color=colour, markersize=5)


def _time_axis(axes: Axes, starts: Sequence[datetime], canvas: _Canvas, unit: Unit) -> None:
    last = len(starts) - 1
    most = 3 if canvas.is_narrow else 6
    step = max(1, -(-last // most))
    ticks = list(range(last, -1, -step))[::-1]
    axes.set_xlim(-0.6, last + 0.6)
    axes.set_xticks(ticks, [_date(starts[tick], unit) for tick in ticks])
    axes.grid(axis="y", linewidth=0.8)
    axes.set_axisbelow(True)


def _room_right(unit: Unit) -> int:
    """Pixels for the half of the last date that stands beyond the axis."""
    return 24 if unit == "DAY" else 46


def _date(start: datetime, unit: Unit) -> str:
    date = f"{start.day} {MONTHS[start.month - 1]}"
    return {"HOUR": f"{date} {start.hour:02}:00", "DAY": date, "ISOWEEK": f"{date} {start.year}"}[unit]


def _ranked(canvas: _Canvas, names: Sequence[tuple[str, str]], legend: int = 0) -> Axes:
    """Axes with a place for each row's bar, from the top; above each its name, and at the right end its note."""
    (axes,) = canvas.panels(_ROW * len(names), left=2, right=2, top=4 + legend, bottom=6)
    axes.set_axis_off()
    axes.set_ylim(len(names), 0)
    for position, (name, note) in enumerate(names):
        room = canvas.width - 4 - canvas.length(note) - 16
        at: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center"}
        axes.text(0, position + 0.32, canvas.fit(name, room), **at)
        axes.text(1, position + 0.32, note, ha="right", color=canvas.theme.quiet, **at)
    return axes


_BAR: Final = 0.24  # how thick a bar is, of a row's height
_BAR_AT: Final = 0.7  # and how far down


def _legend(canvas: _Canvas, handles: Sequence[Any]) -> None:
    canvas.figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, borderaxespad=0.15,
        handlelength=0.9, handleheight=0.9, handletextpad=0.4, columnspacing=1.2, borderpad=0.1,
    )  # fmt: skip


def _shares(canvas: _Canvas, drawing: Shares) -> None:
    theme = canvas.theme
    axes = _ranked(canvas, [(row.name, row.note) for row in drawing.rows], legend=24)
    axes.set_xlim(0, 1)
    series: tuple[tuple[str, str, Callable[[Any], int]], ...] = (
        ("succeeded", theme.good, lambda row: row.succeeded),
        ("unstable", theme.middling, lambda row: row.unstable),
        ("failed", theme.bad, lambda row: row.failed),
    )
    below, handles = [0.0] * len(drawing.rows), []
    for name, colour, value in series:
        shares = [value(row) / (row.succeeded + row.unstable + row.failed) for row in drawing.rows]
        if any(shares):
            places = [position + _BAR_AT for position in range(len(shares))]
            handles.append(axes.barh(places, shares, left=below, color=colour, label=name, height=_BAR))
        below = [low + share for low, share in zip(below, shares, strict=True)]
    _legend(canvas, handles)


def _ranges(canvas: _Canvas, drawing: Ranges) -> None:
    theme = canvas.theme
    axes = _ranked(canvas, [(row.name, row.note) for row in drawing.rows], legend=24)
    most = max(row.p95 for row in drawing.rows) or 1
    axes.set_xlim(0, most * 1.012)
    places = [position + _BAR_AT for position in range(len(drawing.rows))]
    medians, ends = [row.median for row in drawing.rows], [row.p95 for row in drawing.rows]
    axes.barh(places, [most] * len(places), color=theme.grid, height=0.02)
    bars = axes.barh(places, medians, color=theme.good, label="median", height=_BAR)
    axes.hlines(places, medians, ends, color=theme.bad, linewidth=2)
    (dots,) = axes.plot(ends, places, "o", color=theme.bad, markersize=6, label="95th percentile", clip_on=False)
    _legend(canvas, (bars, dots))


def _bars(canvas: _Canvas, drawing: Bars) -> None:
    axes = _ranked(canvas, [(row.name, row.note) for row in drawing.rows])
    axes.set_xlim(0, max(row.value for row in drawing.rows))
    places = [position + _BAR_AT for position in range(len(drawing.rows))]
    axes.barh(places, [row.value for row in drawing.rows], color=canvas.theme.bad, height=_BAR)


_DRAW: Final[Mapping[type, Callable[[_Canvas, Any], None]]] = {
    Outcomes: _outcomes,
    Durations: _durations,
    Shares: _shares,
    Ranges: _ranges,
    Bars: _bars,
}
