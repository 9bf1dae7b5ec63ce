"""The ground floor: the error of settings; what is said of a name that is not known; and lines that are said aside."""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
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


def tell(line: str) -> None:
    """Says a line on stderr; where nobody reads that any more, it is silent from then on."""
    if sys.stderr is None:
        return
    try:
        print(line, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stderr.fileno())
            os.close(nowhere)


def nearest(given: str, names: Iterable[str]) -> str:
    """What is said after an unknown name: the nearest match, and in a line of its own all names, if not too many."""
    public = sorted({str(name) for name in names if not str(name).startswith("_")})
    lower = {name.lower(): name for name in public}
    close = difflib.get_close_matches(given.lower(), lower, 1, 0.5)
    hint = f"; did you mean {lower[close[0]]!r}?" if close else ""
    return hint + (f"\nAllowed instead of {given!r}: {', '.join(public) or 'none'}" if len(public) <= 60 else "")
