"""The code that a run began with: its files copied into ``RUN/code``, and what is played when the run is read again.

A world or model of the library is found by its name. A file of the user's own is played as it lies in ``./worlds`` or
``./agents``; from anywhere else, and from the run's own copies, only if told, for a run folder may be a stranger's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sorrelsim.experiments.classes import Classes
from sorrelsim.experiments.config import ConfigError, ExperimentConfig
from sorrelsim.library.find import LIBRARY, WHAT, NotFound, Source, bare, locate
from sorrelsim.writing import write_beside

CODE = "code"
"""The folder in a run folder where its code is kept."""


def file_hash(text: bytes) -> str:
    """Returns sixteen hexadecimal digits of a file's text."""
    return hashlib.sha256(text).hexdigest()[:16]


def keep_code(run: Path, sources: Sequence[tuple[Source, bytes]]) -> list[dict[str, Any]]:
    """Copies the files of worlds and models into a run folder, as they were imported.

    Returns:
        What is said of each in run.yaml: what it is, its name in the config, where it came from, hash, kept copy.
    """
    facts, used = [], set()
    for source, text in sources:
        kept = Path(CODE, source.folder, f"{bare(source.path)}.py")
        if kept in used:  # two files of one name
            kept = Path(CODE, source.folder, file_hash(str(source.path).encode())[:8], kept.name)
        used.add(kept)
        write_beside(run / kept, text)
        facts.append(
            {
                "what": WHAT[source.folder],
                "name": source.name,
                "from": "library" if not source.own else "file",
                "file": str(source.path.resolve()),
                "hash": file_hash(text),
                "kept": kept.as_posix(),
            }
        )
    return facts


@dataclass(frozen=True)
class Named:
    """A world or a model that a run names, and what run.yaml says of it.

    Attributes:
        folder: ``worlds`` or ``agents``.
        name: Its name in the run's config.
        fact: What run.yaml says; empty in a run from before it was written.
    """

    folder: str
    name: str
    fact: Mapping[str, Any]

    @property
    def own(self) -> bool:
        """Whether it was a file of the user's own."""
        return self.fact.get("from") == "file" if self.fact else self.name.endswith(".py")

    def now(self) -> Path | None:
        """Returns its file as it lies today; None if there is none."""
        try:
            if self.fact and not self.own:
                return locate(LIBRARY + bare(self.fact.get("file", self.name)), self.folder).path
            if self.fact:
                path = Path(str(self.fact["file"]))
                return path if path.is_file() else None
            return locate(self.name, self.folder).path
        except (NotFound, OSError):
            return None

    def change(self) -> str:
        """Returns a line about what has become of its file since the run, or nothing if it is the same."""
        if "hash" not in self.fact:
            return ""
        path, said = self.now(), f"{WHAT[self.folder]} {bare(self.name)}"
        hint = "; --trust plays the copy that the run keeps" if self.own else ""
        if path is None:
            return f"{said}: its file {self.fact['file']} is gone since the run{hint}"
        if file_hash(path.read_bytes()) != self.fact["hash"]:
            return f"{said}: {path} has changed since the run{hint}"
        return ""

    def kept(self, run: Path) -> Path | None:
        """Returns the copy that the run keeps, if there is one and it is what it was."""
        if not self.fact.get("kept"):
            return None
        path = run / str(self.fact["kept"])
        inside = path.resolve().is_relative_to((run / CODE).resolve())
        return path if inside and path.is_file() and file_hash(path.read_bytes()) == self.fact["hash"] else None


def named_in(config: ExperimentConfig, facts: Mapping[str, Any]) -> list[Named]:
    """Returns all worlds and models that a run names, each once."""
    listed = facts.get("code")
    known: dict[tuple[str, str], Mapping[str, Any]] = {}
    for fact in listed if isinstance(listed, list) else []:
        if isinstance(fact, Mapping) and {"what", "name", "file", "hash"} <= set(fact):
            known[str(fact["what"]), str(fact["name"])] = fact
    asked = [("worlds", config.world["name"]), *(("agents", seat.model) for seat in config.seats)]
    return [Named(folder, name, known.get((WHAT[folder], name), {})) for folder, name in dict.fromkeys(asked)]


def classes_of(run: Path, named: Iterable[Named], trust: bool) -> Classes:
    """Returns the classes that a run is played with again.

    Args:
        run: Its folder.
        named: What it names.
        trust: Whether to run Python files that the run folder brings or points to.

    Raises:
        ConfigError: If a file is needed that is only run if told, or there is none.
    """
    return Classes({(each.folder, each.name): _stand_in(run, each, trust) for each in named})


def _stand_in(run: Path, named: Named, trust: bool) -> str:
    """Returns the name or file that stands for what a run names."""
    if not named.own:
        ours = locate(LIBRARY + bare(named.fact.get("file", named.name)), named.folder) if named.fact else None
        plain = ours is None or named.name.startswith(LIBRARY) or not locate(ours.path.stem, named.folder).own
        return named.name if plain and not named.name.endswith(".py") else f"{LIBRARY}{bare(named.name)}"
    what = f"{WHAT[named.folder]} {bare(named.name)}"
    now, change = named.now(), named.change()
    kept = named.kept(run) if change else None
    if change and trust and kept is not None:
        return str(kept)
    if now is None:
        none = "" if kept is not None else ", but it keeps none"
        raise ConfigError(f"{run}: {change or f'{what}: no file {named.name}'}{none}")
    if trust or _in_study(now, named.folder):
        return str(now)
    raise ConfigError(f"{run}: {what} is the Python file {now}, which is run only if you trust it: add --trust")


def _in_study(path: Path, folder: str) -> bool:
    """Whether a file lies where a bare name in the current folder would find it."""
    return Path(folder).is_dir() and path.resolve().is_relative_to(Path(folder).resolve())
