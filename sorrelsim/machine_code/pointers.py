"""Memory by its address, for kernels that are called with nothing but numbers, and runs of it that are done at once."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

RUN = 16
"""Elements in a run."""


@intrinsic
def pointer(typingctx, address):
    """Returns an address as a pointer, of which ``numba.carray`` makes an array."""

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), codegen


def _run(context, builder, array, value, at):
    """The address of a run in a flat array, as a pointer to a vector, and the type of its elements."""
    element = context.get_data_type(array.dtype)
    data = context.make_array(array)(context, builder, value).data
    return builder.bitcast(builder.gep(data, [at]), ir.VectorType(element, RUN).as_pointer()), element


def _spread(builder, number, element):
    """A number of the type of elements as a vector of them."""
    vector = ir.VectorType(element, RUN)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), RUN), [0] * RUN)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), mask)


def _as(builder, number, element):
    """An int64 as an element."""
    return number if element.width == 64 else builder.trunc(number, element)


@intrinsic
def copy_byte(typingctx, source, at, byte, into, to):
    """Copies byte ``byte`` of each of a run of numbers, from index ``at``, into a run of bytes from index ``to``."""

    def codegen(context, builder, signature, args):
        pointer, element = _run(context, builder, source, args[0], args[1])
        target, narrow = _run(context, builder, into, args[3], args[4])
        shift = _spread(builder, _as(builder, builder.shl(args[2], ir.Constant(ir.IntType(64), 3)), element), element)
        shifted = builder.lshr(builder.load(pointer, align=1), shift)
        builder.store(builder.trunc(shifted, ir.VectorType(narrow, RUN)), target, align=1)
        return context.get_dummy_value()

    return types.none(source, types.int64, types.int64, into, types.int64), codegen


@intrinsic
def equal(typingctx, source, at, value, into, to):
    """Writes into a run of bytes, from index ``to``, 1 where a run of bytes from index ``at`` has a value, else 0."""

    def codegen(context, builder, signature, args):
        pointer, element = _run(context, builder, source, args[0], args[1])
        target, narrow = _run(context, builder, into, args[3], args[4])
        same = builder.icmp_unsigned(
            "==", builder.load(pointer, align=1), _spread(builder, _as(builder, args[2], element), element)
        )
        builder.store(builder.zext(same, ir.VectorType(narrow, RUN)), target, align=1)
        return context.get_dummy_value()

    return types.none(source, types.int64, types.int64, into, types.int64), codegen


INTRINSICS: dict[str, Any] = {"pointer": pointer, "copy_byte": copy_byte, "equal": equal}
"""What kernels call, by name: without the typing context that only the compiler gives."""
