"""The hash that names a kernel reads every file that decides what is compiled, so that no stale kernel can run."""

import ast
import shutil
from pathlib import Path

import pytest

import sorrelsim
from sorrelsim.engine import fingerprint

HOUSE = Path(sorrelsim.__file__).parent
FILES = sorted(str(path.relative_to(HOUSE)) for room in ("engine", "rules") for path in (HOUSE / room).rglob("*.py"))


@pytest.fixture(scope="module")
def program():
    return sorrelsim.make("treasure_hunt", compiled=False)._runner.program


@pytest.mark.parametrize("file", FILES)
def test_an_edit_of_any_file_gives_another_hash(file, program, tmp_path, monkeypatch):
    for room in ("engine", "rules"):
        shutil.copytree(HOUSE / room, tmp_path / room)

    def hashed():
        fingerprint.code_of.cache_clear()
        return fingerprint.fingerprint(program, "text", "1")

    here = hashed()
    monkeypatch.setattr(fingerprint, "HOUSE", tmp_path)
    assert hashed() == here  # the same files elsewhere are the same code
    before = (tmp_path / file).read_bytes()
    (tmp_path / file).write_bytes(before + b"# an edit\n")
    assert hashed() != here
    (tmp_path / file).write_bytes(before)
    assert hashed() == here
    (tmp_path / file).unlink()
    assert hashed() != here


def test_text_numba_and_layout_count_too(program):
    hashes = {
        fingerprint.fingerprint(program, "text", "1"),
        fingerprint.fingerprint(program, "other text", "1"),
        fingerprint.fingerprint(program, "text", "2"),
        fingerprint.fingerprint(sorrelsim.make("coins", compiled=False)._runner.program, "text", "1"),
    }
    assert len(hashes) == 4


@pytest.mark.parametrize("name", ["step", "view", "numba_copy", "numba_cells", "numba_words", "kernel_text", "block"])
def test_what_is_compiled_lies_in_those_packages(name):
    """What compiled code is made of imports nothing of ours from elsewhere, so no file outside can change a kernel."""
    tree = ast.parse((HOUSE / "engine" / f"{name}.py").read_text(encoding="utf-8"))
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = [module for module in modules if module.startswith("sorrelsim")]
    assert all(module.split(".")[1] in fingerprint.ROOMS for module in ours)
