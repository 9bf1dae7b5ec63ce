"""The code that a run began with: its files copied into ``RUN/code``, and what is played when the run is read again.

What is the library's is found by its name. A file of the user's own is played as it lies in ``./worlds``, ``./agents``
or ``./rewards``; from anywhere else, and from the run's own copies, only if told, for a run folder may be a stranger's.
What such a file needs of its folder is copied with it: :func:`needed_beside`.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sorrelsim.experiments.classes import Classes
from sorrelsim.experiments.config import ConfigError, ExperimentConfig
from sorrelsim.experiments.seating import rewards_of
from sorrelsim.library.find import LIBRARY, WHAT, NotFound, Source, bare, locate
from sorrelsim.library.trust import Untrusted, require_library
from sorrelsim.outside.make import is_outside, runs_code
from sorrelsim.writing import write_beside

CODE = "code"
"""The folder in a run folder where its code is kept."""
_LARGEST = 2**20
"""Bytes of the largest file that is kept beside a world's or model's own."""


def file_hash(text: bytes) -> str:
    """Returns sixteen hexadecimal digits of a file's text."""
    return hashlib.sha256(text).hexdigest()[:16]


def seen_from(folder: Path, path: Path) -> str:
    """Returns a path from a folder if it lies below it, and as it is if not."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def keep_code(run: Path, sources: Sequence[tuple[Source, bytes]]) -> list[dict[str, Any]]:
    """Copies the files of worlds, models and reward transforms into a run folder, as they were imported.

    Returns:
        What is said of each in run.yaml: what it is, its name in the config, where it came from, hash, kept copy; and
        the hashes of what was kept beside it, in a folder of their own.
    """
    facts, used = [], set()
    for source, text in sources:
        path, kept = source.path.resolve(), Path(CODE, source.folder, f"{bare(source.path)}.py")
        beside = needed_beside(path, text) if source.own else {}
        if beside or kept in used:
            kept = Path(CODE, source.folder, file_hash(str(path).encode())[:8], kept.name)
        used.add(kept)
        for name, held in {kept.name: text, **beside}.items():
            write_beside(run / kept.parent / name, held)
        facts.append(
            {
                "what": WHAT[source.folder],
                "name": source.name,
                "from": "library" if not source.own else "file",
                "file": seen_from(Path.cwd(), path) if source.own else f"{source.folder}/{path.name}",
                "hash": file_hash(text),
                "kept": kept.as_posix(),
            }
            | ({"beside": {name: file_hash(held) for name, held in beside.items()}} if beside else {})
        )
    return facts


def own_files(facts: Iterable[Mapping[str, Any]]) -> list[str]:
    """Returns the user's own files among those that ``keep_code`` told of, what lies beside them included."""
    found = []
    for fact in facts:
        if fact["from"] == "file":
            path = Path(fact["file"])
            found += [path, *(path.parent / name for name in fact.get("beside", ()))]
    return [path.as_posix() for path in dict.fromkeys(found)]


def needed_beside(path: Path, text: bytes) -> dict[str, bytes]:
    """Returns what a file of the user's own needs of its folder, by name from there.

    That is all modules that were imported from there, all files that one of them names, and maps, ``*.txt``; large
    files are left out.
    """
    folder, found, texts = path.parent, set(path.parent.glob("*.txt")), [text]
    stems = {each.stem for each in folder.iterdir()}
    for name in [name for name in sys.modules if name.partition(".")[0] in stems]:
        file = Path(getattr(sys.modules[name], "__file__", None) or folder).resolve()
        stem = folder.joinpath(*name.split("."))
        if file != path and file in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py") and file.is_file():
            found.add(file)
            texts.append(file.read_bytes())
    for each in texts:
        with contextlib.suppress(SyntaxError):  # of a module that was edited since it was imported
            for node in ast.walk(ast.parse(each)):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) < 256:
                    with contextlib.suppress(ValueError, OSError):  # such as text with a NUL
                        found.add((folder / node.value).resolve())
    held = {}
    for file in sorted(found - {path}):
        with contextlib.suppress(OSError):
            if file.is_relative_to(folder) and file.is_file() and file.stat().st_size <= _LARGEST:
                held[file.relative_to(folder).as_posix()] = file.read_bytes()
    return held


def require_trust(run: Path, config: ExperimentConfig, trust: bool) -> None:
    """Refuses what the config of a run would run as it is read: reward transforms and other libraries' environments.

    Worlds and models are looked at when they are made: :func:`classes_of`.

    Raises:
        Untrusted: If one of them is neither a library's nor trusted.
    """
    how = "--trust (from Python: load_run(path, trust=True))"
    require_library(run, rewards_of(config), trust, how)
    if is_outside(name := config.world["name"]) and runs_code(name) and not trust:
        raise Untrusted(f"{run} names the world {name}, whose code would run. If you trust it: {how}")


@dataclass(frozen=True)
class Named:
    """A world, a model or a reward transform that a run names, and what run.yaml says of it.

    Attributes:
        folder: ``worlds``, ``agents`` or ``rewards``.
        name: Its name in the run's config.
        fact: What run.yaml says; empty in a run from before it was written.
        began: The folder that the run began in.
    """

    folder: str
    name: str
    fact: Mapping[str, Any]
    began: Path = Path()

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
                places = (folder / str(self.fact["file"]) for folder in (self.began, Path.cwd()))
                return next((path for path in places if path.is_file()), None)
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
        changed = self._changed(path)
        return f"{said}: {changed} has changed since the run{hint}" if changed else ""

    def _changed(self, path: Path) -> Path | None:
        """Returns the first of a file and those beside it that is not what it was, or gone."""
        for name, kept in {path.name: self.fact["hash"], **self.fact.get("beside", {})}.items():
            file = path.parent / str(name)
            if not file.is_file() or file_hash(file.read_bytes()) != kept:
                return file
        return None

    def kept(self, run: Path) -> Path | None:
        """Returns the copy that the run keeps, if there is one and it is what it was."""
        if not self.fact.get("kept"):
            return None
        path = run / str(self.fact["kept"])
        inside = path.resolve().is_relative_to((run / CODE).resolve())
        return path if inside and self._changed(path) is None else None


def named_in(config: ExperimentConfig, facts: Mapping[str, Any]) -> list[Named]:
    """Returns all worlds and models that a run names, and its own reward transforms, each once."""
    listed = facts.get("code")
    known: dict[tuple[str, str], Mapping[str, Any]] = {}
    for fact in listed if isinstance(listed, list) else []:
        if isinstance(fact, Mapping) and {"what", "name", "file", "hash"} <= set(fact):
            known[str(fact["what"]), str(fact["name"])] = fact
    asked = [("agents", seat.model) for seat in config.seats]
    if not is_outside(config.world["name"]):
        asked.insert(0, ("worlds", config.world["name"]))
    asked += [(folder, name) for name, folder in rewards_of(config) if (WHAT[folder], name) in known]
    began = Path(str(facts.get("folder", "")))
    return [Named(folder, name, known.get((WHAT[folder], name), {}), began) for folder, name in dict.fromkeys(asked)]


def classes_of(run: Path, named: Iterable[Named], trust: bool) -> Classes:
    """Returns the classes that a run is played with again.

    Args:
        run: Its folder.
        named: What it names.
        trust: Whether to run Python files that the run folder brings or points to.

    Raises:
        ConfigError: If a file is needed that is only run if told, or there is none.
    """
    return Classes({(each.folder, each.name): _stand_in(run, each, trust) for each in named}, run / CODE)


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
