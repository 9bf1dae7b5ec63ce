"""Words that threads share and those of an order: atomic reads and writes, called from the kernel's text."""

from __future__ import annotations

import platform
import sys
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from sorrelsim.engine.block import LINE


def _shared_word(context, builder, shared, k):
    """The address of word k of what threads share: each word lies in a cache line of its own."""
    offset = builder.mul(k, context.get_constant(types.int64, LINE))
    return builder.inttoptr(builder.add(shared, offset), ir.IntType(64).as_pointer())


@intrinsic
def order_word(typingctx, order, k):
    """Word k of an order; see :class:`sorrelsim.engine.kernel_text.Order`."""

    def codegen(context, builder, signature, args):
        words = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
        return builder.load(builder.gep(words, [args[1]]))

    return types.int64(types.intp, types.int64), codegen


@intrinsic
def write_order(typingctx, order, k, value):
    """Writes word k of an order."""

    def codegen(context, builder, signature, args):
        words = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
        builder.store(args[2], builder.gep(words, [args[1]]))
        return context.get_dummy_value()

    return types.none(types.intp, types.int64, types.int64), codegen


@intrinsic
def read_word(typingctx, shared, k):
    """Reads what another thread may write; all that it wrote before is seen too."""

    def codegen(context, builder, signature, args):
        return builder.load_atomic(_shared_word(context, builder, *args), "seq_cst", 8)

    return types.int64(types.intp, types.int64), codegen


@intrinsic
def write_word(typingctx, shared, k, value):
    """Writes what another thread may read."""

    def codegen(context, builder, signature, args):
        builder.store_atomic(args[2], _shared_word(context, builder, *args[:2]), "seq_cst", 8)
        return context.get_dummy_value()

    return types.none(types.intp, types.int64, types.int64), codegen


@intrinsic
def add_word(typingctx, shared, k, value):
    """Adds to a word that other threads add to as well."""

    def codegen(context, builder, signature, args):
        builder.atomic_rmw("add", _shared_word(context, builder, *args[:2]), args[2], "seq_cst")
        return context.get_dummy_value()

    return types.none(types.intp, types.int64, types.int64), codegen


@intrinsic
def swap_word(typingctx, shared, k, old, new):
    """Puts ``new`` where ``old`` still stands; whether it did."""

    def codegen(context, builder, signature, args):
        word = _shared_word(context, builder, *args[:2])
        return builder.extract_value(builder.cmpxchg(word, args[2], args[3], "seq_cst"), 1)

    return types.boolean(types.intp, types.int64, types.int64, types.int64), codegen


@intrinsic
def write_form(typingctx, order, copy, lane):
    """Has the windows of a copy written in another form, by the kernel whose address is an order's first word."""

    def codegen(context, builder, signature, args):
        word = ir.IntType(64)
        address = builder.load(builder.inttoptr(args[0], word.as_pointer()))
        kernel = builder.inttoptr(address, ir.FunctionType(ir.VoidType(), [word, word, word]).as_pointer())
        builder.call(kernel, args)
        return context.get_dummy_value()

    return types.none(types.int64, types.int64, types.int64), codegen


@intrinsic
def rest(typingctx):
    """Tells the processor that this thread only waits, where it has an instruction for that."""

    def codegen(context, builder, signature, args):
        machine, none = platform.machine().lower(), ir.VoidType()
        if machine in ("x86_64", "amd64"):
            pause = cgutils.get_or_insert_function(builder.module, ir.FunctionType(none, []), "llvm.x86.sse2.pause")
            builder.call(pause, [])
        elif machine in ("aarch64", "arm64"):
            kind = ir.FunctionType(none, [ir.IntType(32)])
            hint = cgutils.get_or_insert_function(builder.module, kind, "llvm.aarch64.hint")
            builder.call(hint, [ir.Constant(ir.IntType(32), 1)])
        return context.get_dummy_value()

    return types.none(), codegen


@intrinsic
def nap(typingctx):
    """Gives the processor to another thread for about 50 microseconds, where the system has a call for that."""

    def codegen(context, builder, signature, args):
        if sys.platform != "win32":
            kind = ir.FunctionType(ir.IntType(32), [ir.IntType(32)])
            usleep = cgutils.get_or_insert_function(builder.module, kind, "usleep")
            builder.call(usleep, [ir.Constant(ir.IntType(32), 50)])
        return context.get_dummy_value()

    return types.none(), codegen


WORDS: dict[str, Any] = {
    "order_word": order_word, "write_order": write_order, "read_word": read_word, "write_word": write_word,
    "add_word": add_word, "swap_word": swap_word, "write_form": write_form, "rest": rest, "nap": nap,
}  # fmt: skip
"""What the kernel's text calls, by name."""
