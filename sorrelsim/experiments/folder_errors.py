"""What is said of a folder that is no run, and of a run whose settings are wrong: always by its path."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sorrelsim.errors import ConfigError, unknown


def no_run(folder: Path, lacks: str, what: str = "run") -> str:
    """Returns what is said of a path that is not what was looked for: what it is, or what there is near it.

    Args:
        folder: The path.
        lacks: The file that is not there.
        what: What was looked for.
    """
    if folder.is_dir():
        if (folder / "study.yaml").is_file():
            return f"{folder} is no run folder: it has no {lacks}; it is a study, whose runs lie in {folder / 'runs'}"
        inside = sorted(path.parent for name in (lacks, "study.yaml") for path in folder.glob(f"*/{name}"))
        if inside:
            return f"{folder} holds runs and is none itself; name some of them, such as {inside[0]}, or {folder}/*"
        if (folder / "config.yaml").is_file():
            return f"{folder}: this run has not begun: it has no {lacks}"
        return f"{folder} is no run folder: it has no {lacks}; sorrelsim train makes them, in runs/"
    if folder.exists():
        return f"{folder} is a file, not the folder of a {what}"
    near = [str(path) for path in folder.parent.iterdir() if path.is_dir()] if folder.parent.is_dir() else []
    return unknown(what, str(folder), near[:50])


@contextlib.contextmanager
def told_of(folder: Path) -> Iterator[None]:
    """Within, an error of settings names the run whose they are.

    Raises:
        ConfigError: The error, told of the folder.
    """
    try:
        yield
    except ConfigError as error:
        if str(folder) in str(error):
            raise
        raise ConfigError(f"{folder}: {error}") from error
