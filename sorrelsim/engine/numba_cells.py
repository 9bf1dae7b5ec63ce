"""What of the engine's plain functions becomes machine code of another form: cells, windows and random bits.

Windows are copied by runs, or by four cells or four by four as vectors.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numba.np import arrayobj

from sorrelsim.engine import step, view
from sorrelsim.engine.numba_copy import OPTIONS, check_further, element, make_callable
from sorrelsim.rules import draw
from sorrelsim.rules.rule import RULES


def register_rules() -> None:
    """Makes every function marked with ``@rule`` so far callable from compiled code, and what they call with it."""
    for function in RULES:
        make_callable(function)


@overload(draw.bits, jit_options=OPTIONS)
def _bits(w):
    return draw.bits_compiled


@overload(draw.high, jit_options=OPTIONS)
def _high(word, n):
    return draw.high_compiled


@overload(draw.unit, jit_options=OPTIONS)
def _unit(word):
    return draw.unit_compiled


@overload(step.set_turn, jit_options={**OPTIONS, "forceinline": True})
def _set_turn(w, e, turn):
    return step.set_turn_compiled


@overload(step.mask_cells, jit_options=OPTIONS)
def _mask_cells(cells, pad, height, width, mask):
    return step.mask_cells_32 if cells.dtype == types.uint32 else step.mask_cells_64


@overload(step.copy_cells, jit_options=OPTIONS)
def _copy_cells(target, source):
    return step.copy_cells_compiled


@overload(view.mistake, jit_options=OPTIONS)
def _mistake(bytes_into, i, layer, taken_for):
    return view.mistake_compiled


@overload(view.fill_row, jit_options=OPTIONS)
def _fill_row(cells_into, i):
    return view.fill_row_compiled


@overload(view.copy_window, jit_options={**OPTIONS, "forceinline": True})  # its sizes are constants there
def _copy_window(flat, cells_into, i, start, row_stride, col_stride, rows, cols):
    return view.copy_window_compiled


@overload(step.fill, jit_options=OPTIONS)
def _fill(array, value):
    return lambda array, value: _fill_flat(array, value)  # type: ignore[call-arg]


@intrinsic
def _fill_flat(typingctx, array, value):
    """``array[...] = value`` as one loop over a contiguous array."""

    def codegen(context, builder, signature, args):
        kind = signature.args[0]
        model = context.make_array(kind)(context, builder, args[0])
        item = context.cast(builder, args[1], signature.args[1], kind.dtype)
        size = context.get_constant(types.intp, 1)
        for dim in cgutils.unpack_tuple(builder, model.shape, kind.ndim):
            size = builder.mul(size, dim)
        with cgutils.for_range(builder, size) as loop:
            arrayobj.store_item(context, builder, kind, item, builder.gep(model.data, [loop.index]))
        return context.get_dummy_value()

    return types.none(array, value), codegen


@overload(view.copy_run, jit_options={**OPTIONS, "forceinline": True})
def _copy_run(cells_into, i, k, flat, start, n):
    return lambda cells_into, i, k, flat, start, n: _memcpy(cells_into, i, k, flat, start, n)  # type: ignore[call-arg]


@intrinsic
def _memcpy(typingctx, target, i, k, source, start, n):
    """``target[i, k : k + n] = source[start : start + n]`` for arrays that do not overlap."""

    def codegen(context, builder, signature, args):
        to, at = _ends(context, builder, signature, args, 2, 3)
        check_further(context, builder, source, args[3], builder.add(args[4], args[5]), -1)
        cgutils.raw_memcpy(builder, to, at, args[5], source.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.none(target, types.intp, types.intp, source, types.intp, types.intp), codegen


@overload(view.copy_reversed, jit_options={**OPTIONS, "forceinline": True})
def _copy_reversed(cells_into, i, k, flat, start):
    return lambda cells_into, i, k, flat, start: _reverse_four(cells_into, i, k, flat, start)  # type: ignore[call-arg]


@overload(view.copy_turned, jit_options={**OPTIONS, "forceinline": True})
def _copy_turned(cells_into, i, k, k_stride, flat, start, stride):
    return lambda cells_into, i, k, k_stride, flat, start, stride: _transpose_four(  # type: ignore[call-arg]
        cells_into, i, k, k_stride, flat, start, stride
    )


class _Fours:
    """Loads, shuffles and stores of four neighbouring cells as one vector."""

    def __init__(self, context, builder, cell) -> None:
        self.context, self.builder, self.cell = context, builder, cell
        self.size = cell.bitwidth // 8
        self.vector = ir.VectorType(ir.IntType(cell.bitwidth), 4).as_pointer()

    def load(self, pointer):
        return self.builder.load(self.builder.bitcast(pointer, self.vector), align=self.size)

    def store(self, value, pointer) -> None:
        self.builder.store(value, self.builder.bitcast(pointer, self.vector), align=self.size)

    def shuffle(self, a, b, *order: int):
        return self.builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), 4), list(order)))

    def step(self, pointer, stride, times: int):
        return self.builder.gep(pointer, [self.builder.mul(stride, self.context.get_constant(types.intp, times))])


def _ends(context, builder, signature, args, k_at: int, source_at: int):
    """Pointers to ``target[i, k]`` and ``source[start]``."""
    target, source = signature.args[0], signature.args[source_at]
    where = context.make_tuple(builder, types.UniTuple(types.intp, 2), [args[1], args[k_at]])
    to = element(context, builder, target, types.UniTuple(types.intp, 2), args[0], where)
    return to, element(context, builder, source, types.intp, args[source_at], args[source_at + 1])


@intrinsic
def _reverse_four(typingctx, target, i, k, source, start):
    """``target[i, k : k + 4] = source[start : start + 4][::-1]``."""

    def codegen(context, builder, signature, args):
        four = _Fours(context, builder, source.dtype)
        to, at = _ends(context, builder, signature, args, 2, 3)
        check_further(context, builder, source, args[3], args[4], 3)
        cells = four.load(at)
        four.store(four.shuffle(cells, cells, 3, 2, 1, 0), to)
        return context.get_dummy_value()

    return types.none(target, types.intp, types.intp, source, types.intp), codegen


@intrinsic
def _transpose_four(typingctx, target, i, k, k_stride, source, start, stride):
    """``target[i, k + m * k_stride + n] = source[start + n * stride + m]`` for m and n in 0..3."""

    def codegen(context, builder, signature, args):
        four = _Fours(context, builder, source.dtype)
        to, at = _ends(context, builder, signature, args, 2, 4)
        last = builder.add(args[5], builder.mul(args[6], context.get_constant(types.intp, 3)))
        check_further(context, builder, source, args[4], last, 0)
        check_further(context, builder, source, args[4], last, 3)
        a, b, c, d = (four.load(four.step(at, args[6], n)) for n in range(4))
        low, high = four.shuffle(a, b, 0, 4, 1, 5), four.shuffle(c, d, 0, 4, 1, 5)
        low_end, high_end = four.shuffle(a, b, 2, 6, 3, 7), four.shuffle(c, d, 2, 6, 3, 7)
        rows = [
            four.shuffle(low, high, 0, 1, 4, 5),
            four.shuffle(low, high, 2, 3, 6, 7),
            four.shuffle(low_end, high_end, 0, 1, 4, 5),
            four.shuffle(low_end, high_end, 2, 3, 6, 7),
        ]
        for m, row in enumerate(rows):
            four.store(row, four.step(to, args[3], m))
        return context.get_dummy_value()

    signature = types.none(target, types.intp, types.intp, types.intp, source, types.intp, types.intp)
    return signature, codegen
