"""The bridge to Numba: rules become compilable, raw addresses become arrays. Imported only when a world is compiled.

Arrays made here borrow memory that the world owns and carry no reference count, so a kernel does no atomic
operation and passes copies of a world around for free.
"""

from __future__ import annotations

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload, register_jitable

from sorrelsim import engine
from sorrelsim.rules import draw
from sorrelsim.rules.registry import RULES

OPTIONS = {"error_model": "numpy"}
_known: set[int] = set()


def register_rules() -> None:
    """Make every function marked with ``@rule`` so far callable from compiled code."""
    for function in RULES:
        if id(function) not in _known:
            _known.add(id(function))
            register_jitable(**OPTIONS)(function)


def make_callable(function) -> None:
    """Make one plain function callable from compiled code, inlined where it is called."""
    register_jitable(**OPTIONS, forceinline=True)(function)


@overload(draw.bits, jit_options=OPTIONS)
def _bits(w):
    return draw.bits_compiled


@overload(draw.high, jit_options=OPTIONS)
def _high(word, n):
    return draw.high_compiled


@overload(draw.unit, jit_options=OPTIONS)
def _unit(word):
    return draw.unit_compiled


@overload(engine.mask_cells, jit_options=OPTIONS)
def _mask_cells(cells, mask):
    return engine.mask_cells_compiled


@overload(engine.copy_cells, jit_options=OPTIONS)
def _copy_cells(target, source):
    return engine.copy_cells_compiled


@overload(engine.fill_row, jit_options=OPTIONS)
def _fill_row(cells_out, i):
    return engine.fill_row_compiled


@overload(engine.copy_window, jit_options=OPTIONS)
def _copy_window(flat, cells_out, i, start, row_stride, col_stride, rows, cols):
    return engine.copy_window_compiled


@overload(engine.fill, jit_options=OPTIONS)
def _fill(array, value):
    return {1: engine.fill_1d, 2: engine.fill_2d, 3: engine.fill_3d}[array.ndim]


@intrinsic
def array_at(typingctx, address, shape, dtype):
    """A C-ordered array over foreign memory: ``array_at(address, (3, 4), types.int32)``."""
    result = types.Array(dtype.dtype, len(shape), "C")

    def codegen(context, builder, signature, args):
        dims = cgutils.unpack_tuple(builder, args[1], len(shape))
        itemsize = context.get_abi_sizeof(context.get_data_type(result.dtype))
        strides = [context.get_constant(types.intp, itemsize)]
        for dim in reversed(dims[1:]):
            strides.insert(0, builder.mul(strides[0], dim))
        return _array(context, builder, result, args[0], dims, strides, itemsize)

    return result(address, shape, dtype), codegen


@intrinsic
def strided_at(typingctx, address, shape, strides, dtype):
    """An array with strides in bytes over foreign memory."""
    result = types.Array(dtype.dtype, len(shape), "A")

    def codegen(context, builder, signature, args):
        dims = cgutils.unpack_tuple(builder, args[1], len(shape))
        steps = cgutils.unpack_tuple(builder, args[2], len(shape))
        itemsize = context.get_abi_sizeof(context.get_data_type(result.dtype))
        return _array(context, builder, result, args[0], dims, steps, itemsize)

    return result(address, shape, strides, dtype), codegen


def _array(context, builder, result, address, dims, strides, itemsize):
    array = context.make_array(result)(context, builder)
    data = builder.inttoptr(address, array.data.type)
    context.populate_array(array, data=data, shape=dims, strides=strides, itemsize=itemsize, meminfo=None)
    return array._getvalue()
