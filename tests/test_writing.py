"""Files and folders are there whole or not at all: under kills, full disks, and what killed processes leave behind."""

import ast
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import sorrelsim
from sorrelsim.writing import is_temporary, new_file, remove_litter, swap_folder, write_beside


def left_by_a_killed_process(folder, name, what="beside"):
    """Returns the temporary path that a process of this machine, dead by now, would have used."""
    code = (
        "from pathlib import Path; from sorrelsim import writing\n"
        f"print(writing._name(Path({str(folder / name)!r}), {what!r}))"
    )
    return Path(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip())


def test_what_is_written_takes_the_place_of_what_was_there(tmp_path):
    path = tmp_path / "a" / "b.txt"
    assert write_beside(path, "one") == path
    write_beside(path, b"two")
    write_beside(path, lambda file: file.write(b"three"))
    assert path.read_text() == "three"
    assert list(path.parent.iterdir()) == [path]


def test_files_have_the_permissions_that_the_umask_leaves(tmp_path):
    before = os.umask(0o027)
    try:
        write_beside(tmp_path / "a", "")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_failure_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = write_beside(tmp_path / "a", "old")

    def fail(file):
        file.write(b"half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_beside(path, fail)
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match=f"No space left on device: '{path}'"):
        write_beside(path, "new")
    with pytest.raises(OSError, match="No space left"):
        swap_folder(tmp_path / "folder", lambda into: write_beside(into / "x", "new"))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_file_is_written_to_as_it_is(tmp_path):
    write_beside("/dev/null", "gone")
    assert not Path("/dev/null").is_file()
    target = write_beside(tmp_path / "target", "old")
    (tmp_path / "link").symlink_to(target)
    write_beside(tmp_path / "link", "new")
    assert target.read_text() == "new"
    assert (tmp_path / "link").is_symlink()


def test_a_large_file_is_written_piece_by_piece_and_sought_in(tmp_path):
    path = write_beside(tmp_path / "a", "old")
    with new_file(path) as file:
        for piece in (b"00", b"cd"):
            file.write(piece)
        file.seek(0)
        file.write(b"ab")
        assert path.read_text() == "old"
        assert [each.name for each in tmp_path.iterdir()] == ["a"] or sys.platform != "linux"
    assert path.read_bytes() == b"abcd"

    def fill_the_disk():
        with new_file(path) as file:
            file.write(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=f"No space left on device: '{path}'"):
        fill_the_disk()
    assert path.read_bytes() == b"abcd"
    assert list(tmp_path.iterdir()) == [path]


KILLED = """
import os, signal, sys
from pathlib import Path
from sorrelsim import writing
if sys.argv[2] == "named":
    writing._nameless = lambda folder: None
path, littered = Path(sys.argv[1]), 0
for moment in range(1000):
    path.write_text("old")
    child = os.fork()
    if not child:
        left = moment
        def trace(frame, event, argument):
            global left
            if frame.f_code.co_filename != writing.__file__:
                return None
            left -= event == "line"
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace
        sys.settrace(trace)
        with writing.new_file(path) as file:
            for _ in range(3):
                file.write(b"new")
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert path.read_text() in ("old", "newnewnew"), path.read_text()
    found = [each for each in path.parent.iterdir() if each != path]
    assert all(map(writing.is_temporary, found))
    littered += bool(found)
    writing.write_beside(path, "next")
    assert list(path.parent.iterdir()) == [path]
    if not status:
        print(moment, littered)
        break
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills copies of a process")
@pytest.mark.parametrize("how", ["nameless", "named"])
def test_a_kill_at_any_line_leaves_the_old_file_or_the_new_and_what_the_next_write_removes(tmp_path, how):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "a"), how], capture_output=True, text=True)
    assert done.stderr == ""
    moments, littered = map(int, done.stdout.split())
    assert moments > 15
    if how == "nameless" and sys.platform == "linux":
        assert littered <= 5  # between naming and swapping only


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_folder_is_swapped_at_once(tmp_path, monkeypatch, exchanges):
    if not exchanges:
        monkeypatch.setattr("sorrelsim.writing._exchange", lambda one, other: False)
    place = tmp_path / "models"
    for text in ("one", "two"):
        swap_folder(place, lambda into, text=text: write_beside(into / f"{text}.pt", text))
        assert [path.name for path in place.iterdir()] == [f"{text}.pt"]
    with pytest.raises(ZeroDivisionError):
        swap_folder(place, lambda into: 1 / 0)
    assert (place / "two.pt").read_text() == "two"
    assert list(tmp_path.iterdir()) == [place]


def test_litter_of_the_dead_is_removed_and_nothing_else(tmp_path):
    old, folder = left_by_a_killed_process(tmp_path, "a.csv"), left_by_a_killed_process(tmp_path, "models")
    old.touch()
    folder.mkdir()
    (folder / "half.pt").touch()
    aside = left_by_a_killed_process(tmp_path, "b", "before")  # killed between two moves: it comes back
    aside.write_text("whole")
    for name in (".hidden", "a.beside", "keep.csv"):
        (tmp_path / name).touch()
    mine = []
    write_beside(tmp_path / "own", lambda file: None)
    swap_folder(tmp_path / "c", lambda into: mine.append((into, remove_litter(tmp_path), into.exists())))
    (into, removed, still_there), *_ = mine
    assert is_temporary(into)
    assert still_there  # this process lives
    assert set(removed) == {old, folder, aside}
    assert (tmp_path / "b").read_text() == "whole"
    assert {path.name for path in tmp_path.iterdir()} == {".hidden", "a.beside", "keep.csv", "own", "c", "b"}


def test_nothing_in_the_package_writes_a_file_in_place():
    """All goes through ``sorrelsim.writing``, but for what appends or has a swap of its own."""
    own_ways = {"writing.py", "recordings/write.py", "experiments/run_folder.py", "launch/local.py", "launch/worker.py"}
    house, wrong = Path(sorrelsim.__file__).parent, []
    for path in sorted(house.rglob("*.py")):
        if str(path.relative_to(house)) in own_ways:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            modes = [each.value for each in [*node.args, *(word.value for word in node.keywords)]
                     if isinstance(each, ast.Constant) and isinstance(each.value, str)]  # fmt: skip
            writes = called in ("open", "fdopen") and any(
                set(mode) <= set("rwabx+t") and set(mode) & set("wax") for mode in modes
            )
            if writes or called in ("write_text", "write_bytes", "mkstemp", "NamedTemporaryFile"):
                wrong.append(f"{path.relative_to(house)}, line {node.lineno}: {ast.unparse(node)[:80]}")
    assert not wrong
