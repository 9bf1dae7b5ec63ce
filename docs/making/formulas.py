"""Formulas as MathML, which browsers draw by themselves: no script, no fonts, no network."""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert

MARKED = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.S)
"""What pymdownx.arithmatex makes of ``$...$`` and ``$$...$$``."""
FUNCTION = re.compile(r"<mo>([a-z]+)</mo>")
"""The name of a function, such as max, which the converter spaces as if it were a plus."""


def drawn(page: str) -> str:
    """Returns a page's HTML with every formula as MathML."""

    def draw(match: re.Match[str]) -> str:
        formula = convert(html.unescape(match[3]), display="inline" if match[2] == "(" else "block")
        return FUNCTION.sub(r"<mi>\1</mi>", formula)

    return MARKED.sub(draw, page)
