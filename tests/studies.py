"""Studies as users run them: begun in a process of their own, watched, killed, and held against one another."""

import contextlib
import csv
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from safetensors.numpy import load_file

CLOCKS = ("seconds", "steps_per_second")
STUDY = [sys.executable, "-m", "sorrelsim", "study"]


def begin(*arguments, cwd, **options):
    """Begins ``sorrelsim study``; one thread of its libraries, as the tests share the machine."""
    return subprocess.Popen(
        [*STUDY, *map(str, arguments)],
        cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # fmt: skip


def end(process, code=0, timeout=240):
    """Waits for the end of a command, with a code or one of several; returns what it wrote."""
    try:
        output, error = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()  # its own processes go with it
        raise
    allowed = code if isinstance(code, tuple) else (code,)
    assert process.returncode in allowed, f"ended with {process.returncode}\n{output}\n{error}"
    return output + error


def rows(study):
    """How many rows of metrics a study has."""
    return sum(max(0, path.read_text().count("\n") - 1) for path in Path(study).glob("runs/*/metrics.csv"))


def wait_for(condition, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came to pass"
        time.sleep(0.02)


def processes(study):
    """The processes that a study's runs were played by, by run, the latest last."""
    logs = {path.parent.name: path.read_text() for path in sorted(Path(study).glob("runs/*/log.txt"))}
    return {run: [int(pid) for pid in re.findall(r"^--- .*, process (\d+)$", text, re.M)] for run, text in logs.items()}


def alive(pid):
    """Whether a process writes still; one that is dead and not fetched by its parent does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    if sys.platform == "linux":
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def outcome(study):
    """All that a study came to, but for the clock: by run, its metrics and every tensor of its models, bit for bit."""
    found = {}
    for folder in sorted(Path(study).glob("runs/*")):
        with open(folder / "metrics.csv", newline="") as file:
            table = [[row[name] for name in row if name not in CLOCKS] for row in csv.DictReader(file)]
        models = {
            (path.name, name): (tensor.dtype.str, tensor.shape, tensor.tobytes())
            for path in sorted((folder / "models").glob("*.safetensors"))
            for name, tensor in load_file(path).items()
        }
        found[folder.name] = (table, models)
    return found
