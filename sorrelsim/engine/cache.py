"""A program's compiled module, from the disk cache or made anew.

The module's name is a hash of everything that it depends on: the rules and all that they call and read, the engine,
the layout of the fields, Python and Numba. An edit gives another name, so a stale kernel cannot run.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType

from sorrelsim.engine.explain import RuleError, explain
from sorrelsim.engine.fingerprint import fingerprint
from sorrelsim.engine.kernel_text import CONSTANTS
from sorrelsim.engine.program import Program, namespace


def cache_folder() -> Path:
    """Where compiled kernels are kept: ``$SORRELSIM_CACHE``, else the user's cache folder."""
    if "SORRELSIM_CACHE" in os.environ:
        return Path(os.environ["SORRELSIM_CACHE"])
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "sorrelsim"


def compiled_module(program: Program, quiet: bool) -> ModuleType:
    """Imports the program's compiled module from the cache, or compiles and keeps it.

    Raises:
        RuleError: If a rule does not compile.
    """
    import numba

    text = program.kernel()
    name = f"sorrelsim_{program.name}_{fingerprint(program, text, numba.__version__)}"
    if name in sys.modules:
        return sys.modules[name]
    folder, kept = _writable(cache_folder() / "kernels")
    path = folder / f"{name}.py"
    if not path.exists():
        _keep(text, path)
    from sorrelsim.engine import numba_cells, numba_copy, numba_words

    numba_cells.register_rules()
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    load_w, load_e = numba_copy.loaders(program.layouts(), program.bounds)
    module.__dict__.update(namespace(program), __name__=name, cfunc=numba.cfunc, make_callable=numba_copy.make_callable)
    module.__dict__.update(numba_words.WORDS, load_W=load_w, load_E=load_e, **CONSTANTS)
    sys.modules[name] = module  # before it runs: Numba looks functions up by module name
    cached = kept and any((folder / "__pycache__").glob(f"{name}.run*.nbc"))
    try:
        with (
            _told(program.name, quiet or cached),
            numba_copy.checking_all_arrays(program.bounds),
            warnings.catch_warnings(),
        ):
            # A folder that cannot be written has been reported already, in our words.
            warnings.filterwarnings("ignore", category=numba.NumbaWarning)
            spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, numba.core.errors.NumbaError):
            raise RuleError(explain(program, error)) from None
        raise
    return module


@contextmanager
def _told(world: str, quiet: bool) -> Iterator[None]:
    """Says on stderr that a world is being compiled, and how long it took."""
    if quiet:
        yield
        return
    print(f"sorrelsim: compiling {world} (once; kept for later runs) ...", end="", file=sys.stderr, flush=True)
    began, end = time.perf_counter(), " failed"
    try:
        yield
        end = f" {time.perf_counter() - began:.1f} s"
    finally:
        print(end, file=sys.stderr)


def _keep(text: str, path: Path) -> None:
    """Writes a module under another name and links it into place.

    So a second process never sees half a file, and the file's time stamp, on which Numba's index depends, is set once.
    """
    handle, draft = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    except OSError:
        if not path.exists():
            os.replace(draft, path)
            return
    os.unlink(draft)


@cache
def _writable(folder: Path) -> tuple[Path, bool]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder, True
    except OSError as error:
        other = Path(tempfile.mkdtemp(prefix="sorrelsim-"))
        warnings.warn(
            f"cannot keep compiled kernels in {folder} ({error.strerror}); every run compiles anew. "
            "Set SORRELSIM_CACHE to a folder that can be written.",
            RuntimeWarning,
            stacklevel=2,
        )
        return other, False
