"""A figure as an element of a page: its lines in the colours of the page, nothing in it that could act."""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from tabgrad.report.drawing import INK, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["svg"]

SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
ELEMENTS = {"svg", "g", "defs", "path", "rect", "use", "text", "tspan", "image", "clipPath", "circle", "title"}
DROPPED = {"metadata", "style"}
ATTRIBUTES = {
    *("d", "x", "y", "width", "height", "transform", "viewBox", "id", "r", "cx", "cy"),
    *("clip-path", "fill", "fill-opacity", "fill-rule", "opacity", "stroke", "stroke-dasharray", "stroke-dashoffset"),
    *("stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "stroke-opacity", "stroke-width"),
    *("font-size", "font-weight", "text-anchor"),
}
PICTURE = "data:image/png;base64,"
INKS = {INK, "#000000", "#4d4d4d"}  # black, and the grey that figures of other parts have
PIXELS = 96  # an inch
MOST_DIGITS = re.compile(r"(\.\d\d)\d+")  # hundredths of a point are enough


def svg(figure: Figure, name: str, title: str) -> str:
    """A figure as an SVG element, the same for the same figure.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    name : str
        Different for each figure of a page: what its parts are called begins with it.
    title : str
        What is seen, for those who do not see.

    Returns
    -------
    str
        One element without styles, scripts, links and comments. What had the colour of ink has ``currentColor``.
    """
    buffer = io.BytesIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with styled(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # the reader's fonts draw it, not matplotlib's
        figure.savefig(buffer, format="svg", metadata=nothing)
    root = ElementTree.fromstring(buffer.getvalue())
    _clean(root, name, _referred(root))
    root.attrib.pop("height", None)
    width = str(round(figure.get_figwidth() * PIXELS))
    root.attrib |= {"width": width, "role": "img", "aria-label": title, "stroke-linejoin": "round"}
    return ElementTree.tostring(root, encoding="unicode")


def _referred(root: ElementTree.Element) -> set[str]:
    """The names that other parts of a figure refer to."""
    links = {element.get(LINK, "")[1:] for element in root.iter() if element.get(LINK, "").startswith("#")}
    return links | set(
        re.findall(r"url\(#([^)]+)\)", " ".join(element.get("clip-path", "") for element in root.iter()))
    )


def _clean(element: ElementTree.Element, name: str, kept: set[str]) -> None:
    """Keep what is on the lists, as attributes of its own instead of styles."""
    element.tag, element.tail = element.tag.removeprefix(SVG), None
    if element.tag not in ("text", "tspan"):
        element.text = None
    given = dict(element.attrib)
    for part in given.pop("style", "").split(";"):
        key, _, value = part.partition(":")
        given[key.strip()] = value.strip()
    element.attrib.clear()
    for key, value in given.items():
        if key == LINK and value.startswith("#"):
            element.set("href", f"#{name}-{value[1:]}")
        elif key == LINK and element.tag == "image" and value.startswith(PICTURE):
            element.set("href", "".join(value.split()))
        elif key == "id" and value in kept:
            element.set("id", f"{name}-{value}")
        elif key == "clip-path":
            element.set(key, value.replace("url(#", f"url(#{name}-"))
        elif key in ATTRIBUTES and key != "id":
            element.set(key, "currentColor" if value in INKS else MOST_DIGITS.sub(r"\1", value))
    for child in list(element):
        tag = child.tag.removeprefix(SVG)
        if tag in ELEMENTS:
            _clean(child, name, kept)
        elif tag in DROPPED:
            element.remove(child)
        else:
            raise ValueError(f"matplotlib wrote an element <{tag}> that pages do not know.")
