"""Locks: one process at a time, told by name, and gone with their process however it dies."""

import subprocess
import sys
import time

import pytest

from sorrelsim.locks import Occupied, alone
from sorrelsim.machine_code import store

HOLD = """
import sys, time
from sorrelsim.locks import alone

with alone(sys.argv[1]):
    print("in", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def held(tmp_path):
    """A lock that another process holds, and that process."""
    path = tmp_path / "deep" / ".lock"
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "in\n"
    yield path, process
    process.kill()
    process.communicate()


def test_a_lock_keeps_others_out_and_says_who_holds_it(held):
    path, process = held
    with pytest.raises(Occupied, match=f"process {process.pid} on "), alone(path):
        pytest.fail("two were inside")


def test_a_lock_dies_with_its_process(held):
    path, process = held
    process.kill()
    with alone(path, wait=5):
        pass


def test_whoever_waits_gets_in_when_the_other_leaves(held):
    path, process = held
    began = time.monotonic()
    subprocess.Popen([sys.executable, "-c", f"import time, os; time.sleep(0.5); os.kill({process.pid}, 9)"]).wait()
    with alone(path, wait=10):
        assert time.monotonic() - began > 0.4


def test_a_lock_is_taken_again_after_an_error_inside(tmp_path):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), alone(tmp_path / "x"):
            raise ZeroDivisionError


def test_what_two_processes_need_at_once_is_compiled_by_one(tmp_path, monkeypatch):
    """Both begin with an empty cache, and each compile takes long; the second finds what the first kept."""
    file = tmp_path / "doubled.py"
    file.write_text(
        "import time\nfrom sorrelsim.machine_code import kept, store\n"
        "def doubled(x):\n    return 2 * x\n"
        "real = store.keep\n"
        "def keep(name, code):\n    print('compiled', flush=True)\n    time.sleep(1)\n    real(name, code)\n"
        "store.keep = keep\n"
        "assert kept.kept(doubled)(21) == 42\n"
    )
    monkeypatch.setenv("SORRELSIM_CACHE", str(tmp_path / "cache"))
    both = [subprocess.Popen([sys.executable, file], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(said) == ["", "compiled\n"]


def test_a_cache_that_cannot_be_written_keeps_nobody_from_compiling(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file where a folder should be")
    monkeypatch.setenv("SORRELSIM_CACHE", str(tmp_path / "cache"))
    with store.compiling("x"), store.compiling("y"):
        pass


def test_a_folder_is_locked_without_a_file_in_it(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "in\n"
        with pytest.raises(Occupied, match="another process"), alone(tmp_path):
            pytest.fail("two were inside")
    finally:
        process.kill()
        process.communicate()
    with alone(tmp_path, wait=5):
        assert not list(tmp_path.iterdir())
