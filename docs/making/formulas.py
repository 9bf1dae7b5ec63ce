"""Formulas as MathML, which browsers draw by themselves: no script, no fonts, no network."""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert

MARKED = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.S)
"""What pymdownx.arithmatex makes of ``$...$`` and ``$$...$$``."""


def drawn(page: str) -> str:
    """Returns a page's HTML with every formula as MathML."""
    return MARKED.sub(lambda m: convert(html.unescape(m[3]), display="inline" if m[2] == "(" else "block"), page)
