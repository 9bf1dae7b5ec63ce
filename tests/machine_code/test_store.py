"""Compiled code on disk: what is damaged, unreadable or another's is never run, and never stops anybody."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from sorrelsim import writing
from sorrelsim.machine_code import store

RUN = """
import sys, numpy as np, sorrelsim
from sorrelsim.models.memory import replay_kernels
tree = np.zeros(16)
replay_kernels.tree_fill(tree, 0, 4, 1.0)
assert tree[1] == 4
world = sorrelsim.make(sys.argv[1] if len(sys.argv) > 1 else "./quick.py", n_worlds=8)
for actions in np.random.default_rng(0).integers(0, 4, (20, 8, world.n_agents)):
    world.step(actions)
print(world.pos.sum(), world.rng.sum())
"""
QUICK = """
from dataclasses import dataclass
from sorrelsim import Gridworld, Kinds, kind
from sorrelsim.rules import movement


class Kind(Kinds):
    WALL = kind("W", solid=True)


@dataclass(frozen=True)
class Params:
    unused: float = 0.0


class Quick(Gridworld):
    kinds, params = Kind, Params
    maps = {"yard": "WWWWW\\nWPP W\\nWWWWW"}
    actions = movement.ABSOLUTE
    start = (movement.scatter,)
    rules = (movement.move,)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SORRELSIM_CACHE", str(tmp_path / "cache"))
    (tmp_path / "quick.py").write_text(QUICK)
    return tmp_path


def run(folder, *arguments, code=RUN, **environment):
    env = os.environ | {"SORRELSIM_CACHE": str(folder / "cache")} | environment
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder, env=env, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip


def files(folder):
    return sorted((folder / "cache" / "kernels").iterdir())


def damages(good, other, rng, n):
    """Contents that a file may have instead of its own: the usual accidents first, then any number of others."""
    yield b""
    yield good[: len(good) // 2]
    yield good[:-1]
    yield good[:60]
    yield other
    yield good + b"\0"
    yield good * 2
    yield bytes(len(good))
    for _ in range(n - 8):
        kind = rng.integers(4)
        made = bytearray(good)
        at = int(rng.integers(len(made) if rng.integers(2) else min(80, len(made))))
        if kind == 0:
            made[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del made[at:]
        elif kind == 2:
            made[at : at + 64] = rng.bytes(64)
        else:
            made[at:at] = rng.bytes(int(rng.integers(1, 9)))
        if bytes(made) != good:
            yield bytes(made)


def test_what_is_kept_comes_back_and_what_is_damaged_does_not(folder):
    rng = np.random.default_rng(0)
    code = rng.bytes(5000)
    store.keep("one", code)
    store.keep("two", rng.bytes(5000))
    assert store.fetch("one") == code
    assert store.fetch("three") is None
    one, two = files(folder)
    good = one.read_bytes()
    for damage in damages(good, two.read_bytes(), rng, 400):
        one.write_bytes(damage)
        assert store.fetch("one") is None
        assert not one.exists(), "a damaged file is removed"
    store.keep("one", code)
    assert store.fetch("one") == code


def test_others_may_read_what_the_umask_lets_them(folder):
    old = os.umask(0o022)
    try:
        store.keep("open", b"code")
        os.umask(0o077)
        store.keep("closed", b"code")
    finally:
        os.umask(old)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in files(folder)}
    assert modes == {"open.nbc": 0o644, "closed.nbc": 0o600}


def test_a_full_disk_is_said_once_and_leaves_nothing(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, "replace", full)
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        store.keep("one", b"code")
    store.keep("two", b"code")
    assert not files(folder)


def test_drafts_of_killed_processes_are_swept(folder):
    store.keep("one", b"code")
    dead = 2**31 - 1  # no system gives a process such a number
    draft = writing._name(files(folder)[0], "beside")
    draft = draft.with_name(draft.name.replace(f"-{os.getpid()}-", f"-{dead}-"))
    draft.write_bytes(b"half")
    store.keep("two", b"code")
    assert [path.name for path in files(folder)] == ["one.nbc", "two.nbc"]


@pytest.mark.parametrize("name", ["", "x" * 10])
def test_the_folder_is_named_by_the_environment(monkeypatch, name):
    monkeypatch.setenv("SORRELSIM_CACHE", name)
    assert (store.cache_folder() == Path(name)) == bool(name)


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A folder with a world and a filled cache, what a run says, and what the cache holds."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "quick.py").write_text(QUICK)
    first = run(folder)
    assert first.returncode == 0, first.stderr
    return folder, first.stdout, {path: path.read_bytes() for path in files(folder)}


@pytest.fixture
def filled(once):
    folder, said, kept = once
    for path, code in kept.items():
        path.write_bytes(code)
    return folder, said, kept


OWN = "world quick: quick.py, not the library's\n"
"""What is said of a world that is not the library's, and nothing else."""


def test_every_kind_of_damage_in_one_run_then_silence(filled):
    """Kernels of a world and of the package alike: damaged ones are compiled anew, with the right result."""
    folder, said, kept = filled
    one, two = kept
    one.write_bytes(kept[two])
    two.write_bytes(b"")
    again = run(folder)
    assert (again.returncode, again.stdout) == (0, said), again.stderr
    assert "compiling quick" in again.stderr
    silent = run(folder)
    assert (silent.stdout, silent.stderr) == (said, OWN)
    assert files(folder) == sorted(kept)


CLOSED = """
import os, sys
from sorrelsim.machine_code import store
def closed(path, mode="r"):
    if sys.argv[-1] in mode and str(path).startswith(os.environ["SORRELSIM_CACHE"]):
        raise PermissionError(13, "Permission denied")
    return open(path, mode)
def refuse(path, content):
    raise PermissionError(13, "Permission denied")
store.open, store.write_beside = closed, refuse
"""
TREE = """
import numpy as np
from sorrelsim.models.memory import replay_kernels
tree = np.zeros(16)
replay_kernels.tree_fill(tree, 0, 4, 1.0)
replay_kernels.tree_set(tree, np.array([5]), np.array([2.0]))
print(tree[1])
"""


def test_a_filled_cache_that_cannot_be_written_is_used(filled):
    folder, said, _ = filled
    done = run(folder, "./quick.py", "w", code=CLOSED + RUN)
    assert (done.stdout, done.stderr) == (said, OWN)


@pytest.mark.parametrize("closed_to", ["w", "b"], ids=["written", "read or written"])
def test_a_cache_that_cannot_be_used_is_said_once_and_leaves_nothing(filled, tmp_path, closed_to):
    folder, _, kept = filled
    if closed_to == "w":
        for path in kept:
            path.unlink()
    done = run(folder, closed_to, code=CLOSED + TREE, TMPDIR=str(tmp_path))
    assert done.stdout == "6.0\n", done.stderr
    assert done.stderr.count("cannot keep compiled kernels in") == 1
    assert not list(tmp_path.iterdir())
    assert len(files(folder)) == (0 if closed_to == "w" else len(kept))


FUZZ = (
    textwrap.dedent("""
    import hashlib, os, signal, sys
    sys.path[:0] = sys.argv[1].split(os.pathsep)
    import numpy as np, sorrelsim
    from test_store import damages
    from sorrelsim.machine_code import kept, store
    from sorrelsim.engine import numba_cells, numba_copy, numba_words
    """)
    + """
folder, count = store.cache_folder() / "kernels", int(sys.argv[2])
files = sorted(folder.iterdir())
goods = {path: path.read_bytes() for path in files}

class Anew(Exception):
    pass

def compiled_anew(self):
    raise Anew

kept.Kernel._compile_uncached = compiled_anew
rng = np.random.default_rng(int(sys.argv[3]))
tried = 0
while tried < count:
    for path, good in goods.items():
        if not path.name.startswith("sorrelsim_"):
            continue
        other = next(text for each, text in goods.items() if each != path)
        for damage in damages(good, other, rng, max(9, min(40, count - tried))):
            path.write_bytes(damage)
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                code = 3
                try:
                    sorrelsim.make("./" + path.name.split("_")[1] + ".py", n_worlds=8)
                except Anew:
                    code = 0
                except BaseException as error:
                    print(repr(error), file=sys.stderr)
                os._exit(code)
            _, status, used = os.wait4(child, 0)
            assert os.waitstatus_to_exitcode(status) == 0, (path.name, status)
            assert used.ru_utime + used.ru_stime < 5  # of its own: others may use the processor too
            assert not path.exists()
            path.write_bytes(good)
            tried += 1
            if tried >= count:
                print(tried)
                sys.exit()
"""
)


def fuzz(folder, n, seed):
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", FUZZ, paths, str(n), str(seed)],
        cwd=folder, env=os.environ | {"SORRELSIM_CACHE": str(folder / "cache")},
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == str(n)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_dozen_damaged_kernels_are_each_refused(filled):
    fuzz(filled[0], 12, 0)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("seed", range(3))
def test_hundreds_of_damaged_kernels_are_each_refused(filled, seed):
    fuzz(filled[0], 250, seed)


@pytest.mark.slow
def test_processes_killed_while_they_compile_leave_a_sound_cache(folder):
    run(folder)
    expected = run(folder)  # which compiles nothing, and says so by its silence
    kept = files(folder)
    rng = np.random.default_rng(0)
    env = os.environ | {"SORRELSIM_CACHE": str(folder / "cache")}
    for _ in range(12):
        shutil.rmtree(folder / "cache")
        both = [
            subprocess.Popen(
                [sys.executable, "-c", RUN], cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            for _ in range(2)
        ]
        time.sleep(float(rng.uniform(0.5, 6)))
        both[0].send_signal(signal.SIGKILL)
        assert both[1].communicate()[0].decode() == expected.stdout
        both[0].wait()
        both[0].stdout.close()
        again = run(folder)
        assert (again.stdout, again.stderr) == (expected.stdout, expected.stderr)
        assert files(folder) == kept
