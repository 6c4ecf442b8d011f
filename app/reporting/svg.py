"""From a figure of matplotlib to SVG that can stand in a page: the same figure gives the same bytes, and nothing in it can act.

Colours are custom properties with a fallback, so that a page may set them for light and dark (`COLOURS` names them) while the file alone
looks right on white. Text stays text, in the page's fonts; titles of topics and names of models are never read as formulae or markup.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from app.reporting.text import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, SOFT, LINE = "#1c2028", "#59606d", "#d9d6cc"
# Told apart with any colour vision (after Okabe and Ito 2008, darkened to a contrast of 3 on white).
SERIES = ("#0068a8", "#c25100", "#00785a", "#a8488b", "#5b5f66")
GOOD, BAD, EVEN = "#2a67a8", "#b4530a", "#8d8f95"
COLOURS = {
    INK: "ink", SOFT: "soft", LINE: "line", GOOD: "good", BAD: "bad", EVEN: "even",
    **{colour: f"c{at}" for at, colour in enumerate(SERIES)},
}  # fmt: skip
MARKERS, DASHES = "osD^v", ("-", "--", "-.", ":", (0, (5, 1, 1, 1)))

_SVG, _XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
_SETTINGS: Any = {
    "svg.fonttype": "none", "svg.hashsalt": "report", "text.parse_math": False, "font.family": "DejaVu Sans", "font.size": 9.0,
    "axes.titlesize": 9.5, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.labelsize": 9.0, "legend.fontsize": 8.5,
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": SOFT, "axes.labelcolor": INK, "axes.titlecolor": INK,
    "text.color": INK, "xtick.color": SOFT, "ytick.color": SOFT, "xtick.labelcolor": INK, "ytick.labelcolor": INK, "grid.color": LINE,
    "axes.grid": True, "axes.axisbelow": True, "grid.linewidth": 0.6, "axes.linewidth": 0.8, "legend.frameon": False,
    "axes.unicode_minus": True, "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none", "hatch.linewidth": 0.6,
}  # fmt: skip
_FONT = re.compile(r"'DejaVu Sans'(?:, [^;]*)?")
_COLOUR = re.compile("|".join(COLOURS))
_LOCAL = re.compile(r"#([\w.:-]+)")
# Settings of matplotlib are the process's: figures are drawn one after another.
_LOCK = threading.Lock()


@contextmanager
def drawing() -> Iterator[None]:
    """Our settings of matplotlib, for whoever draws inside. Never nested."""
    import matplotlib

    with _LOCK, matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        # A character that the measuring font lacks is measured as a box; the page's own fonts have it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def as_svg(figure: Figure, name: str, title: str, text: str) -> str:
    """The figure, inside `drawing`, as an <svg> element of its own: `name` prefixes all ids, `title` and `text` are what is read out.

    Raises ValueError where a figure would load anything or hold an element that acts, which none of ours does.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    drawn = io.StringIO()
    # Not `savefig`, which draws twice.
    bare = {"Date": None, "Creator": None, "Format": None, "Type": None}
    FigureCanvasSVG(figure).print_svg(drawn, metadata=bare)  # type: ignore[no-untyped-call]
    root = ET.fromstring(drawn.getvalue().encode("utf-8"))
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{_SVG}metadata" or child.tag == f"{_SVG}defs" and child.find(f"{_SVG}style") is not None:
                parent.remove(child)  # its style would hold for the whole page
    wanted = {found[1] for element in root.iter() for value in element.attrib.values() for found in _LOCAL.finditer(value)}
    for element in root.iter():
        if element.get("id") not in wanted:
            element.attrib.pop("id", None)
        _cleaned(element, name)
    _headed(root, name, title, text)
    return ET.tostring(root, encoding="unicode")


def _cleaned(element: ET.Element, name: str) -> None:
    element.tag = element.tag.removeprefix(_SVG)
    for key, value in list(element.attrib.items()):
        del element.attrib[key]
        plain = key.removeprefix(_XLINK)
        if plain.lower().startswith("on") or plain == "href" and not value.startswith("#"):
            raise ValueError(f"a figure holds {plain}={value!r}: a report loads nothing and runs nothing")
        if plain == "id":
            value = f"{name}-{value}"
        elif plain in ("href", "clip-path"):
            value = _LOCAL.sub(lambda found: f"#{name}-{found[1]}", value)
        elif plain in ("style", "fill", "stroke"):
            if "url(" in value:
                value = _LOCAL.sub(lambda found: f"#{name}-{found[1]}" if found[0] not in COLOURS else found[0], value)
            value = _FONT.sub("var(--sans, sans-serif)", value)
            value = _COLOUR.sub(lambda found: f"var(--{COLOURS[found[0]]}, {found[0]})", value)
        element.set(plain, value)
    if element.tag in ("script", "foreignObject", "image", "a"):
        raise ValueError(f"a figure holds <{element.tag}>: a report loads nothing and runs nothing")
    element.tail = None if element.tail is None else element.tail.strip() or None


def _headed(root: ET.Element, name: str, title: str, text: str) -> None:
    """Role and description for those who don't see it; its size is the page's to say."""
    width = float(root.attrib.pop("width").removesuffix("pt"))
    root.attrib.pop("height")
    root.attrib.pop("version", None)
    heads = [ET.Element("title", {"id": f"{name}-title"}), ET.Element("desc", {"id": f"{name}-desc"})]
    heads[0].text, heads[1].text = printable(title), printable(text)
    for at, head in enumerate(heads):
        root.insert(at, head)
    # A point is 4/3 of a pixel.
    style = f"width: 100%; max-width: {width * 4 / 3:.0f}px; stroke-linejoin: round; stroke-linecap: butt"
    root.attrib.update(
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "role": "img",
            "aria-labelledby": f"{name}-title {name}-desc",
            "style": style,
        }
    )
