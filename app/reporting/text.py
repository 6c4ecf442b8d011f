"""How numbers and texts are written in a report: signed differences, intervals, and texts of any origin made printable."""

from __future__ import annotations

import re

MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"
# What neither XML nor UTF-8 can hold: control characters, half surrogate pairs, and the two non-characters of the first plane.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: object) -> str:
    """The text with U+FFFD for each character that a page can't hold."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", str(text))


def short(text: object, most: int = 60) -> str:
    """At most so many characters, on one line, printable."""
    line = " ".join(printable(text).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def number(value: float | None, places: int = 4) -> str:
    """A number with so many places; a dash where there is none."""
    return DASH if value is None else f"{value:.{places}f}".replace("-", MINUS)


def signed(value: float | None, places: int = 4) -> str:
    """A difference with its sign; what rounds to nothing has none."""
    if value is None:
        return DASH
    text = f"{value:+.{places}f}"
    return (text[1:] if not float(text) else text).replace("-", MINUS)


def whole(value: float | None) -> str:
    """A count with thin spaces between thousands."""
    return DASH if value is None else f"{round(value):,}".replace(",", "\N{NARROW NO-BREAK SPACE}").replace("-", MINUS)


def percent(share: float | None, places: int = 0) -> str:
    """A share of 0 to 1 as a percentage."""
    return DASH if share is None else f"{100 * share:.{places}f}\N{NARROW NO-BREAK SPACE}%".replace("-", MINUS)


def chance(p: float) -> str:
    """A p value."""
    return "< .0001" if p < 1e-4 else f"{p:.4f}".lstrip("0") if p < 1 else "1"


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its word."""
    return f"{whole(count)} {one if count == 1 else many or one + 's'}"
