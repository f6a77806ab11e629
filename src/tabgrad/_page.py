"""The frame of every page that the library writes: offline, without scripts, light and dark, fit for print.

Its policy forbids whatever is not in the page itself: no script runs and no request leaves, also if a name from a table
found a way past the escaping.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["STYLE", "environment", "page"]

STYLE = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --raised: #f5f6f8; --line: #d5d9e0; --text: #1b1f27; --faint: #5b6472;
  --accent: #1d4ed8; --on-accent: #ffffff; --positive: #1d5fd1; --negative: #b4460b; --good: #14713d; --bad: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171d; --raised: #1e232c; --line: #3a424f; --text: #e7eaf0; --faint: #a3adbb;
    --accent: #8ab0ff; --on-accent: #101318; --positive: #7aabff; --negative: #ffa368; --good: #6fd698; --bad: #ff9a92;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem clamp(0.75rem, 3vw, 2.5rem); max-width: 76rem;
  background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
  overflow-wrap: anywhere;
}
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 0.5rem; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 0 0 0.5rem; }
h3 { font-size: 1.05rem; margin: 1.25rem 0 0.25rem; }
p { margin: 0.5rem 0; max-width: 46rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.15rem 0.6rem; text-align: right; white-space: nowrap; }
th { font-weight: 600; color: var(--faint); }
.scroll { overflow-x: auto; max-width: 100%; }
.faint { color: var(--faint); }
.good { color: var(--good); }
.bad { color: var(--bad); }
@media print {
  :root {
    color-scheme: light;
    --page: #ffffff; --raised: #ffffff; --line: #bbbbbb; --text: #000000; --faint: #444444;
    --accent: #1d4ed8; --positive: #1d5fd1; --negative: #b4460b; --good: #14713d; --bad: #b3261e;
  }
  body { padding: 0; max-width: none; font-size: 10pt; }
  .scroll { overflow: visible; }
}
"""

FRAME = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{{ title }}</title>
<style>{{ style | safe }}</style>
</head>
<body>
{{ body | safe }}
</body>
</html>
"""


def environment(package: str | None = None) -> Environment:
    """Jinja with everything escaped, and an error where a template names what is not there.

    Parameters
    ----------
    package : str or None, default None
        Whose folder `templates` the templates are in.

    Raises
    ------
    ImportError
        Jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise ImportError(f'Pages need the package Jinja2: pip install "tabgrad[report]". ({error})') from error
    loader = None if package is None else jinja2.PackageLoader(package)
    return jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, loader=loader
    )


def page(title: str, body: str, *, style: str = "") -> str:
    """A whole page.

    Parameters
    ----------
    title : str
        Any text: it is escaped.
    body : str
        HTML that a template of `environment` has made, in which everything that came from a table is escaped.
    style : str, default ""
        What the page needs beside the common style. Elements have no style of their own: the policy knows the hash of
        the one style sheet, and no other counts.

    Examples
    --------
    >>> from tabgrad._page import page
    >>> written = page("<b>", "<p>1 &lt; 2</p>")
    >>> "<title>&lt;b&gt;</title>" in written, "default-src 'none'" in written.replace("&#39;", "'")
    (True, True)
    """
    sheet = STYLE + style
    digest = base64.b64encode(hashlib.sha256(sheet.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    written: str = environment().from_string(FRAME).render(title=title, body=body, style=sheet, policy=policy)
    return written
