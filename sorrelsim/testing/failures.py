"""What the contract checks share: the failure they end in, and how an error in a user's file is told."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sorrelsim.library.find import WHAT, NotFound, find_class
from sorrelsim.library.importing import NotImportable


class CheckFailed(AssertionError):
    """A file breaks the contract.

    Attributes:
        problems: What is wrong, one plain sentence or two each.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Broken(Exception):
    """A problem, or several, found inside a check that cannot go on; the arguments are what is said of each."""


def load(name: str | Path, folder: str, base: type) -> Any:
    """Loads the class of a file; what keeps it from being imported is a failed check."""
    try:
        return find_class(name, folder, base)
    except (NotFound, NotImportable) as error:
        raise CheckFailed([str(error)]) from None
    except Exception as error:
        raise CheckFailed([f"the {WHAT[folder]} file cannot be imported: {where(error, str(name))}"]) from error


@contextmanager
def blamed(what: str, cls: type) -> Iterator[None]:
    """Within, whatever is raised is a problem: what was done fails, where in the file of a class, and why."""
    try:
        yield
    except Exception as error:
        raise Broken(f"{what}: {where(error, file_of(cls))}") from error


def where(error: BaseException, file: str = "") -> str:
    """Returns file, line, the line itself and the error, of the last frame in the user's own file."""
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: {error.msg}"
    house = str(Path(__file__).parent.parent)
    own = [f for f in frames if file and Path(f.filename).resolve() == Path(file).resolve()]
    own = own or [f for f in frames if not f.filename.startswith(house) and "<" not in f.filename and f.line]
    text = str(error) or "(no message)"
    if not own:
        return f"{type(error).__name__}: {text}"
    last = own[-1]
    return (
        f"{Path(last.filename).name}, line {last.lineno}, in {last.name}: `{last.line}`: {type(error).__name__}: {text}"
    )


def file_of(cls: type) -> str:
    """Returns the file of a class."""
    return inspect.getsourcefile(cls) or ""
