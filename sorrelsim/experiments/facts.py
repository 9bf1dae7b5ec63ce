"""What a run was: ``run.yaml``, with everything beside the config that a result may depend on."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.engine.threads import get_threads
from sorrelsim.experiments.code import own_files
from sorrelsim.experiments.config import ExperimentConfig
from sorrelsim.experiments.seating import Place
from sorrelsim.models.base import BaseModel
from sorrelsim.settings import ConfigError, read_yaml
from sorrelsim.writing import write_beside

RUN = "run.yaml"
FORMAT = 2
"""Of a run folder: 1 had no checkpoints."""
_PACKAGES = ("sorrelsim", "numpy", "numba", "llvmlite", "torch", "gymnasium", "pettingzoo")
_REPEATABLE = "no: who is first decides what is learned; a resumed run is not bit for bit an undisturbed one"

_HOUSE = Path(__file__).parents[2]


def describe(
    config: ExperimentConfig,
    world: Gridworld,
    places: Sequence[Place],
    models: Sequence[BaseModel],
    code: Sequence[Mapping[str, Any]],
    together: Sequence[Sequence[str]] = (),
) -> dict[str, Any]:
    """Returns what is to be said of a run as it begins.

    Args:
        config: Its config.
        world: Its world.
        places: Who sits where.
        models: Their models.
        code: The files that it runs, from :func:`sorrelsim.experiments.code.keep_code`.
        together: Seats whose models act and learn as one.
    """
    actors = {"actors": {"number": config.actors, "repeatable": _REPEATABLE}} if config.actors else {}
    return {
        "format": FORMAT,
        "started": now(),
        **actors,
        "command": list(sys.orig_argv),
        "folder": os.getcwd(),
        "world": {"name": world.name, "version": world.version},
        "seats": [
            {"name": place.name, "slots": list(place.slots), "model": model.name, "seed": place.seed}
            | ({"device": str(device)} if (device := getattr(model, "device", None)) is not None else {})
            for place, model in zip(places, models, strict=True)
        ],
        "together": [list(names) for names in together],
        "code": list(code),
        "packages": {"python": platform.python_version()} | _versions(),
        "git": {
            "study": revision(Path.cwd(), own_files(code)),
            "sorrelsim": revision(_HOUSE) if (_HOUSE / ".git").exists() else None,
        },
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
            "threads": get_threads(),
            "torch_threads": config.torch_threads,
        },
    }


def package_changes(facts: Mapping[str, Any]) -> list[str]:
    """Returns a line for each package that is another today than run.yaml says."""
    before, today = facts.get("packages"), {"python": platform.python_version()} | _versions()
    if not isinstance(before, Mapping):
        return []
    return [
        f"{name} is {today.get(name, 'gone')}, and was {version} when the run began"
        for name, version in before.items()
        if today.get(name) != version
    ]


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def revision(folder: Path, used: Sequence[str] = ()) -> dict[str, Any] | None:
    """Returns a git repository's revision, whether what is in it differs, and what was used and is not in it.

    Args:
        folder: A folder in the repository.
        used: Files that were used, as seen from the folder; of others that git does not know nothing is said.

    Returns:
        ``revision``, ``dirty`` and, if there are any, the ``untracked`` among the used; None without a repository.
    """

    def git(where: Path, *asked: str) -> str:
        call = ["git", "-c", "core.fsmonitor=false", "--literal-pathspecs", "-C", str(where), *asked]
        return subprocess.run(call, capture_output=True, text=True, timeout=10, check=True).stdout.strip()

    def is_tracked(file: Path) -> bool:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            return bool(git(file.parent, "ls-files", "--", file.name))
        return False

    try:
        head, status = git(folder, "rev-parse", "HEAD"), git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    untracked = [file for file in used if not is_tracked(folder / file)]
    return {"revision": head, "dirty": bool(status or untracked)} | ({"untracked": untracked} if untracked else {})


def now() -> str:
    """Returns the time, with its distance from Greenwich."""
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Writes run.yaml. If the run lies below the folder that it began in, that is told from the run: both may move.

    Raises:
        OSError: If it cannot be written; the one before stays.
    """
    run, began = folder.resolve(), Path(facts.get("folder", ""))
    told = {"folder": os.path.relpath(began, run)} if began.is_absolute() and run.is_relative_to(began) else {}
    text = yaml.safe_dump({**facts, **told}, sort_keys=False, allow_unicode=True, width=110)
    write_beside(folder / RUN, text)


def read_facts(folder: Path) -> dict[str, Any]:
    """Returns run.yaml, its ``folder`` absolute; nothing where there is none, as in runs of the first version.

    Raises:
        ConfigError: If it is damaged.
    """
    path = folder / RUN
    if not path.is_file():
        return {}
    try:
        found = read_yaml(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not text: {error}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{path} is damaged: a mapping is expected")
    return found | ({"folder": str((folder / str(found["folder"])).resolve())} if "folder" in found else {})
