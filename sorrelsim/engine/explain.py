"""What to say where a rule of a world does not compile: the line of the world's file, and Numba's reason in a line."""

from __future__ import annotations

import inspect
import linecache
import re
from pathlib import Path

from sorrelsim.engine.program import Program


class RuleError(Exception):
    """A rule of a world that cannot run; the message shows the line of the world file and what is wrong with it.

    Attributes:
        problems: What is wrong, each with its place.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def explain(program: Program, error: Exception) -> str:
    """Says where in the world's own file a rule failed to compile, and why, in a few lines."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    files = {Path(inspect.getfile(function)).name: inspect.getfile(function) for function in program.own}
    places = [
        (files[Path(file).name], int(line))
        for file, line in re.findall(r'File "([^"]+)", line (\d+)', text)
        if Path(file).name in files and "rules" not in Path(file).parts[-2:-1]
    ]
    reasons = [
        line.strip()
        for line in text.splitlines()
        if re.search(r"(NameError|Untyped|Unknown attribute|No implementation|Cannot unify|Invalid use|not supported|"
                     r"cannot determine|Unsupported|undefined|has no attribute|object has no|use of unsupported)", line)
    ]  # fmt: skip
    reason = reasons[-1] if reasons else text.strip().splitlines()[0]
    reason = reason.lstrip("- ")
    if re.search(r"[gs]etitem\(\w+\([^()]*\), (?:\w*\()?(?:[\w ]+, )*float", text):
        reason = "an index is a float, and must be a whole number; write int(...) around it, or // in place of /"
    if not places:
        return f"a rule of world {program.name!r} does not compile: {reason}"
    file, line = places[-1]
    shown = linecache.getline(file, line).strip()
    return (
        f"{file}, line {line}: this does not compile\n    {shown}\n{reason}\n"
        "Run it interpreted (compiled=False, or --interpreted) to debug it as plain Python."
    )
