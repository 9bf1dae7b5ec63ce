"""A program's compiled module, kept from before or made anew.

The module's name is a hash of everything that it depends on: the rules and all that they call and read, the engine,
the layout of the fields, Python and Numba. An edit gives another name, so a stale kernel cannot run.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType

from sorrelsim.engine.explain import RuleError, explain
from sorrelsim.engine.fingerprint import fingerprint
from sorrelsim.engine.kernel_text import CONSTANTS
from sorrelsim.engine.program import Program, namespace
from sorrelsim.machine_code.undisturbed import undisturbed


def compiled_module(program: Program, quiet: bool) -> ModuleType:
    """The program's compiled module: kept from before, or compiled and kept.

    An interrupt ends the waiting for it and nothing else, for half a compiled module would be worse than none.

    Raises:
        RuleError: If a rule does not compile.
    """
    return undisturbed(lambda: _module(program, quiet))


def _module(program: Program, quiet: bool) -> ModuleType:
    import numba

    from sorrelsim.engine import numba_cells, numba_copy, numba_words
    from sorrelsim.machine_code import kept

    text = program.kernel()
    world = re.sub(r"\W", "_", program.name)[:60]
    name = f"sorrelsim_{world}_{fingerprint(program, text, numba.__version__)}"
    if name in sys.modules:
        return sys.modules[name]

    def cfunc(signature: str) -> Callable[[Callable], kept.Kernel]:
        return lambda function: kept.Kernel(function, signature, name, lambda: _told(program.name, quiet))

    numba_cells.register_rules()
    module = ModuleType(name)
    load_w, load_e = numba_copy.loaders(program.layouts(), program.bounds)
    module.__dict__.update(namespace(program), cfunc=cfunc, make_callable=numba_copy.make_callable)
    module.__dict__.update(numba_words.WORDS, load_W=load_w, load_E=load_e, **CONSTANTS)
    sys.modules[name] = module  # before it runs: Numba looks functions up by module name
    try:
        with numba_copy.checking_all_arrays(program.bounds):
            exec(compile(text, f"<kernel of {program.name}>", "exec"), module.__dict__)
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
