"""The ground floor: the error of settings, and what is said of a name that is not known, with the nearest match."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ConfigError(ValueError):
    """Settings that say something impossible; the message names the place and the key."""


def unknown(what: str, given: object, allowed: Iterable[str], where: str = "") -> str:
    """Returns the text of an error about an unknown name.

    >>> unknown("world", "clean_up", ["cleanup", "harvest"])
    "no world 'clean_up'; did you mean 'cleanup'? Allowed: cleanup, harvest"
    """
    names = sorted(str(name) for name in allowed)
    close = difflib.get_close_matches(str(given), names, 1, 0.5)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    place = f"{where}: " if where else ""
    return f"{place}no {what} {given!r}{hint} Allowed: {', '.join(names) if names else 'none'}"
