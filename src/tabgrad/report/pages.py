"""A report as a page of HTML."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from tabgrad._page import environment, page
from tabgrad._wording import figure, printable
from tabgrad.report.class_scores import ClassScores
from tabgrad.report.judging import each_of
from tabgrad.report.sections import Drawing, Section
from tabgrad.report.sheets import Sheet, told
from tabgrad.report.svg import svg

if TYPE_CHECKING:
    from tabgrad.report.whole import Report

__all__ = ["rendered"]

FIRST_ROWS = 20  # of a table; the others are folded away
LONGEST_TITLE = 120
MOST_TARGETS = 8

STYLE = """
:root { --warning: #9a5b00; --warned: #fff6dc; --fine: #e9f7ef; }
@media (prefers-color-scheme: dark) { :root { --warning: #f0b75e; --warned: #2e2616; --fine: #17281f; } }
@media print { :root { --warning: #7a4800; --warned: #fff6dc; --fine: #e9f7ef; } }
h2 { margin: 2.4rem 0 0.6rem; padding-top: 0.9rem; border-top: 1px solid var(--line); }
a, summary { color: var(--accent); }
summary { cursor: pointer; margin: 0.4rem 0; }
nav { display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; margin: 0.8rem 0; font-size: 0.95rem; }
pre { background: var(--raised); border: 1px solid var(--line); border-radius: 6px; padding: 0.7rem 0.9rem;
  font-size: 0.85rem; white-space: pre-wrap;
  font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.answer { display: flex; flex-wrap: wrap; gap: 0.8rem; margin: 1rem 0; }
.answer div { background: var(--raised); border: 1px solid var(--line); border-radius: 8px; padding: 0.7rem 1.1rem;
  min-width: 10rem; max-width: 100%; }
.answer .own { border: 2px solid var(--accent); }
.answer dt, .answer dd { margin: 0; }
.answer .value { font-size: 1.7rem; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.3; }
.findings { list-style: none; padding: 0; margin: 1rem 0; }
.findings li { border-left: 4px solid var(--line); background: var(--raised); padding: 0.5rem 0.9rem; margin: 0.5rem 0;
  border-radius: 0 6px 6px 0; max-width: 56rem; }
.findings .serious { border-color: var(--warning); background: var(--warned); }
.findings .fine { border-color: var(--good); background: var(--fine); }
.caption { color: var(--faint); font-size: 0.92rem; margin: 1rem 0 0.2rem; }
.scroll { margin: 0 0 1rem; }
table { font-size: 0.9rem; overflow-wrap: break-word; }
th, td { padding: 0.28rem 0.75rem; text-align: left; vertical-align: top; white-space: normal; max-width: 26rem;
  border-bottom: 1px solid var(--line); unicode-bidi: isolate; }
thead th { vertical-align: bottom; }
tbody th { font-weight: 500; color: var(--text); }
th.number, td.number { text-align: right; white-space: nowrap; }
.figures { display: flex; flex-wrap: wrap; gap: 1.2rem 2rem; margin: 0.8rem 0; align-items: flex-start; }
figure { margin: 0; max-width: 100%; break-inside: avoid; }
figure svg { display: block; max-width: 100%; height: auto; overflow: visible; }
figure svg text { font-family: "DejaVu Sans", Verdana, system-ui, sans-serif; white-space: pre; }
figure svg image { image-rendering: pixelated; }
figcaption { color: var(--faint); font-size: 0.9rem; max-width: 36rem; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
@media print { nav { display: none; } h2, h3, .caption { break-after: avoid; } tr { break-inside: avoid; }
  table { font-size: 7.5pt; overflow-wrap: anywhere; } th, td { padding: 0.15rem 0.35rem; }
  th.number, td.number { white-space: normal; } }
"""


def rendered(report: Report) -> str:
    """The page.

    Raises
    ------
    ImportError
        Matplotlib or Jinja2 is not installed.
    """
    sections = [(section, _grouped(section)) for section in report.sections]
    body = _template().render(
        title=printable(report.title, LONGEST_TITLE),
        report=report,
        answers=_answers(report),
        summaries=_summaries(report),
        sections=sections,
        figures={name: _markup(text) for name, text in _figures(report).items()},
    )
    return page(printable(report.title, LONGEST_TITLE), body, style=STYLE)


def _figures(report: Report) -> dict[str, str]:
    """Every figure as an element of the page."""
    drawings = [block for section in report.sections for block in section.blocks if isinstance(block, Drawing)]
    return {
        each.name: svg(each.draw(), f"f{place}", printable(each.caption, 200)) for place, each in enumerate(drawings)
    }


def _grouped(section: Section) -> list[tuple[str, Any]]:
    """The blocks of a section with their kinds; figures that follow each other are one block."""
    groups: list[tuple[str, Any]] = []
    for block in section.blocks:
        kind = type(block).__name__.lower()
        if kind == "drawing" and groups and groups[-1][0] == kind:
            groups[-1][1].append(block)
        else:
            groups.append((kind, [block] if kind == "drawing" else block))
    return groups


def _answers(report: Report) -> list[dict[str, Any]]:
    """Of each target the main score of the model and of the others."""
    if report.scores is None:
        return []
    own = each_of(report.scores)
    name = "accuracy" if isinstance(report.scores, ClassScores) else "R2"
    made = []
    for place, scores in enumerate(own[:MOST_TARGETS]):
        found = scores.estimates[name]
        interval = f"95 %: {figure(found.low)} to {figure(found.high)}" if found.low == found.low else ""
        cards = [("the model", figure(found.value), interval)]
        for rival, others in report.others.items():
            value = each_of(others)[place].estimates[name].value
            cards.append((rival, figure(value), ""))
        of = f" of {printable(scores.target)}" if len(own) > 1 else ""
        made.append({"name": ("Accuracy" if name == "accuracy" else "R2") + of, "cards": cards})
    return made


def _summaries(report: Report) -> list[tuple[str, Sheet]]:
    """Of each target all its scores, under a caption."""
    if report.scores is None:
        return []
    own = each_of(report.scores)[:MOST_TARGETS]
    several = len(own) > 1
    return [
        (f"All scores of {printable(each.target)}" if several else "All scores", report.summary(place))
        for place, each in enumerate(own)
    ]


@cache
def _template() -> Any:
    """The template, in which every value is escaped, and a name that is not there is an error."""
    made = environment("tabgrad.report")
    made.filters["told"] = told
    made.filters["plain"] = printable
    made.globals["first_rows"] = FIRST_ROWS
    return made.get_template("report.html")


def _markup(element: str) -> Any:
    """An element that is not to be escaped: one that `svg` made."""
    from markupsafe import Markup

    return Markup(element)
