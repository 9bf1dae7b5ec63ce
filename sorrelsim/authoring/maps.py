"""ASCII maps: from text to the cells that an episode starts from and the sites that rules read.

A world file holds its maps as text, or reads them from text files beside it; a config may give another by name, by path
or as text. The engine copies the cells at every reset, and rules see the sites as ``w.orchard``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sorrelsim.authoring.codes import Codebook
from sorrelsim.authoring.kinds import Kinds
from sorrelsim.errors import unknown


class MapError(ValueError):
    """A map that does not fit its world; the message gives row and column, counted from 1."""


@dataclass(frozen=True)
class Map:
    """A map as read.

    Attributes:
        name: What it is called in messages.
        cells: ``uint8[row, col, layer]``, what lies where at the start.
        sites: Site name to ``int32[n, 2]``, (row, col) in reading order.
    """

    name: str
    cells: np.ndarray
    sites: dict[str, np.ndarray]


def find_map(given: str | Path | None, maps: Mapping[str, str], world: str) -> tuple[str, str]:
    """Returns name and text of a map given as a name of the world's own, a path to a text file, or the text itself.

    Raises:
        MapError: If it is none of these, or a file that cannot be read.
    """
    if given is not None and not isinstance(given, str | Path):
        raise MapError(f"map of {world} is {given!r} ({type(given).__name__}); allowed: a name, a file or the text")
    if given is None:
        given = next(iter(maps))
    if isinstance(given, str) and "\n" in given:
        return "the given map", given
    if str(given) in maps:
        return str(given), maps[str(given)]
    path = Path(given)
    try:
        if path.is_file():
            return str(path), path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise MapError(f"{path} is not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}") from None
    except (OSError, ValueError) as error:  # may not be read; too long for a name, or a zero in it
        raise MapError(f"map of {world}: {str(given)[:80]!r} cannot be read: {error}") from None
    raise MapError(unknown(f"map of {world}, or file,", str(given), maps))


def read_map(
    name: str, text: str, kinds: type[Kinds], codes: Codebook, sites: Mapping[str, str], legend: Mapping[str, tuple]
) -> Map:
    """Reads a map.

    A glyph is a space (floor), the glyph of a kind, a glyph of ``legend`` (several kinds in one cell) or one that
    some site lists; a glyph of a site that is no kind's leaves bare floor.

    Raises:
        MapError: On ragged rows, an unknown glyph, one that no map may have, or an empty map.
    """
    lines = text.strip("\n").splitlines()
    if not lines or not lines[0]:
        raise MapError(f"{name} is empty")
    width = len(lines[0])
    by_glyph: dict[str, tuple] = {member.spec.glyph: (member,) for member in kinds if member.spec.on_maps}
    known = {" ", *by_glyph, *legend, *"".join(sites.values())}
    cells = np.zeros((len(lines), width, len(codes.layers)), np.uint8)
    found: dict[str, list[tuple[int, int]]] = {site: [] for site in sites}
    for row, line in enumerate(lines):
        if len(line) != width:
            raise MapError(
                f"{name}, row {row + 1}: {len(line)} columns, but row 1 has {width}; all rows have the same length"
            )
        for col, glyph in enumerate(line):
            if glyph not in known:
                allowed = " ".join(sorted(known - {" "}))
                laid = [member.name.lower() for member in kinds if member.spec.glyph == glyph]
                what = f"glyph {glyph!r} ({laid[0]}, which rules alone lay)" if laid else f"unknown glyph {glyph!r}"
                raise MapError(f"{name}, row {row + 1}, column {col + 1}: {what}. Allowed: space {allowed}")
            for member in legend.get(glyph, by_glyph.get(glyph, ())):
                cells[row, col, codes.layer[member]] = member
            for site, glyphs in sites.items():
                if glyph in glyphs:
                    found[site].append((row, col))
    places = {site: np.array(where, np.int32).reshape(-1, 2) for site, where in found.items()}
    return Map(name, cells, places)


Needs = Mapping[str, int] | Sequence[Mapping[str, int]]
"""What a map must have at least: cells of sites by name, ``rows`` and ``columns``; of several such, any one will do."""


def check_needs(map_: Map, needs: Needs, glyphs: Mapping[str, str]) -> None:
    """Holds a map against what the world's rules need of it.

    Args:
        map_: The map.
        needs: What it must have.
        glyphs: The glyphs of each site.

    Raises:
        MapError: If it lacks something; the message says what.
        ValueError: If the world needs what is no site.
    """
    has = {"rows": map_.cells.shape[0], "columns": map_.cells.shape[1]}
    has |= {site: len(cells) for site, cells in map_.sites.items()}
    lacks = []
    for needed in [needs] if isinstance(needs, Mapping) else needs:
        for what in needed:
            if what not in has:
                raise ValueError(unknown("site that a map could need", what, has))
        missing = [
            f"{least} {what}" + (f" ({' or '.join(glyphs[what])})" if what in glyphs else "")
            for what, least in needed.items()
            if has[what] < least
        ]
        if not missing:
            return
        counts = ", ".join(f"{has[what]} {what}" for what in needed)
        lacks.append(f"at least {' and '.join(missing)}, not {counts}")
    if lacks:
        raise MapError(f"{map_.name} needs {'; or '.join(lacks)}")
