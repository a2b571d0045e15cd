"""Writes the report's page, which works as a file and under the policy that Jenkins sends archived files with.

`sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self';` says
https://www.jenkins.io/doc/book/security/configuring-content-security-policy/: no script, no inline style, no style
attribute; pictures and the style sheet are files beside the page.
"""

import pkgutil
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jinja2

from bqsteps.sections import Figure, Section

INDEX = "index.html"
STYLE = "style.css"


class Image(NamedTuple):
    """A picture's file beside the page, and its size in pixels of CSS."""

    file: str
    width: int
    height: int


class Images(NamedTuple):
    """A chart's files, of which a browser loads the one that fits."""

    wide_light: Image
    wide_dark: Image
    narrow_light: Image
    narrow_dark: Image


class Page(NamedTuple):
    """What the page says.

    Args:
        title: its heading.
        period: what it is about, below that.
        headline: the whole of it in a sentence.
        figures: the key figures.
        sections: the charts.
        pictures: of each section that has a drawing, by its name.
        footer: where it comes from.
    """

    title: str
    period: str
    headline: str
    figures: Sequence[Figure]
    sections: Sequence[Section]
    pictures: Mapping[str, Images]
    footer: Sequence[str]


def render(page: Page) -> bytes:
    """The page. Every text in it is escaped, whoever wrote it."""
    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FunctionLoader(lambda name: _template(name).decode()),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    # What is no character of HTML, such as half of a surrogate pair, must not end the report.
    return environment.get_template(INDEX).render(page=page).encode("utf-8", "replace")


def style() -> bytes:
    """The style sheet."""
    return _template(STYLE)


def _template(name: str) -> bytes:
    """A file that travels with the package, from its folder or from the archive."""
    data = pkgutil.get_data("bqsteps", f"templates/{name}")
    assert data is not None, name  # noqa: S101  # for the type: a loader that has the package has its files
    return data
