"""The bridge to Numba: how rules are compiled and how a copy looks to them. Imported only when a world is compiled.

A compiled rule sees a copy as four words: the table of addresses, where the copy's piece of memory begins, where the
thread's scratch does, and the copy's number. ``w.pos`` becomes one load from the table and an addition: no reference
counts, and no tuple of fifty arrays on the stack.
"""

from __future__ import annotations

import hashlib
import operator
import platform
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    infer_getattr,
    intrinsic,
    lower_builtin,
    lower_getattr_generic,
    overload,
    register_jitable,
    register_model,
)
from numba.np import arrayobj

from sorrelsim.engine import step as engine
from sorrelsim.engine.block import LINE
from sorrelsim.engine.program import Layout
from sorrelsim.rules import draw
from sorrelsim.rules.rule import RULES

OPTIONS: Any = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_known: set[int] = set()


def register_rules() -> None:
    """Make every function marked with ``@rule`` so far callable from compiled code."""
    for function in RULES:
        make_callable(function)


def make_callable(function: Callable) -> None:
    """Make one plain function callable from compiled code."""
    if id(function) not in _known:
        _known.add(id(function))
        register_jitable(**OPTIONS)(function)


class CopyType(types.Type):
    """The type of ``w``, ``e`` or ``w.p``: its fields are known by name, its memory by the table."""

    def __init__(self, title: str, fields: tuple[Layout, ...], p: CopyType | None = None) -> None:
        self.fields = {field.name: field for field in fields}
        self.p = p
        # Numba builds the names of compiled functions from those of types, so a short one saves much compiling.
        super().__init__(name=f"{title}_{hashlib.sha256(repr((fields, p)).encode()).hexdigest()[:12]}")


class FieldArray(types.Array):
    """An array of a copy. Integers index it as they are: a negative one does not count from the end."""


register_model(FieldArray)(models.ArrayModel)


@lower_builtin(operator.getitem, FieldArray, types.Integer)
@lower_builtin(operator.getitem, FieldArray, types.BaseTuple)
def _get(context, builder, signature, args):
    pointer = _element(context, builder, signature.args[0], signature.args[1], args[0], args[1])
    if pointer is not None:
        return arrayobj.load_item(context, builder, signature.args[0], pointer)
    single = isinstance(signature.args[1], types.Integer)
    usual = arrayobj.getitem_arraynd_intp if single else arrayobj.getitem_array_tuple
    return usual(context, builder, signature, args)


@lower_builtin(operator.setitem, FieldArray, types.Any, types.Any)
def _set(context, builder, signature, args):
    array, index, value = signature.args
    pointer = _element(context, builder, array, index, args[0], args[1])
    if pointer is None:
        return arrayobj.setitem_array(context, builder, signature, args)
    item = context.cast(builder, args[2], value, array.dtype)
    arrayobj.store_item(context, builder, array, item, pointer)
    return context.get_dummy_value()


def _element(context, builder, array, index, value, at):
    """The address of one element, or None where the index does not name one."""
    kinds: tuple = tuple(index) if isinstance(index, types.BaseTuple) else (index,)  # type: ignore[arg-type]
    if len(kinds) != array.ndim or not all(isinstance(kind, types.Integer) for kind in kinds):
        return None
    parts = cgutils.unpack_tuple(builder, at, len(kinds)) if isinstance(index, types.BaseTuple) else [at]
    parts = [context.cast(builder, part, kind, types.intp) for part, kind in zip(parts, kinds, strict=True)]
    model = context.make_array(array)(context, builder, value)
    strides = cgutils.unpack_tuple(builder, model.strides, array.ndim)
    if array.layout == "C":  # said to LLVM in so many words, because a loop over a stride of unknown length is slow
        strides[-1] = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(array.dtype)))
    offset = builder.mul(parts[0], strides[0])
    for part, stride in zip(parts[1:], strides[1:], strict=True):
        offset = builder.add(offset, builder.mul(part, stride))
    return cgutils.pointer_add(builder, model.data, offset)


@register_model(CopyType)
class _CopyModel(models.StructModel):
    def __init__(self, manager, kind):
        # The table of addresses, where the copy's piece of the block begins, where the scratch does, and the copy.
        members = [("table", types.intp), ("block", types.intp), ("scratch", types.intp), ("copy", types.int64)]
        super().__init__(manager, kind, members)


@infer_getattr
class _CopyAttributes(AttributeTemplate):
    key = CopyType

    def generic_resolve(self, copy, attribute):  # type: ignore[override]
        if attribute == "p" and copy.p is not None:
            return copy.p
        if attribute not in copy.fields:
            return None
        field = copy.fields[attribute]
        element = types.boolean if field.dtype == "bool" else getattr(types, field.dtype)
        if field.scalar:
            return element
        if field.value is not None:
            return FieldArray(element, field.ndim, "C", readonly=True)
        return FieldArray(element, field.ndim, "C" if field.contiguous else "A")


@lower_getattr_generic(CopyType)
def _lower_attribute(context, builder, copy, value, attribute):
    model = cgutils.create_struct_proxy(copy)(context, builder, value=value)
    if attribute == "p" and copy.p is not None:
        inner = cgutils.create_struct_proxy(copy.p)(context, builder)
        inner.table, inner.block, inner.scratch, inner.copy = model.table, model.block, model.scratch, model.copy
        return inner._getvalue()
    field = copy.fields[attribute]
    result = context.typing_context.resolve_getattr(copy, attribute)
    if field.value is not None:
        array = np.frombuffer(field.value[1], field.dtype).reshape(field.value[0])
        if field.scalar:
            return context.get_constant(result, array.item())
        return context.make_constant_array(builder, result, array)

    def word(k):
        return _word(context, builder, model.table, field.at + k)

    if field.place == "copy":
        address = builder.add(model.block, word(0))
    elif field.place == "scratch":
        address = builder.add(model.scratch, word(0))
    elif field.place == "apart":
        address = builder.add(word(0), builder.mul(model.copy, word(1)))
    else:
        address = word(0)
    shape = 1 if field.place in ("copy", "scratch") else 2  # the word where it begins
    if field.scalar:
        pointer = builder.inttoptr(address, context.get_data_type(result).as_pointer())
        return context.unpack_value(builder, result, pointer)
    itemsize = context.get_abi_sizeof(context.get_data_type(result.dtype))
    dims = [word(shape + k) for k in range(field.ndim)]
    if field.contiguous:
        strides = [context.get_constant(types.intp, itemsize)]
        for dim in reversed(dims[1:]):
            strides.insert(0, builder.mul(strides[0], dim))
    else:
        strides = [
            context.get_constant(types.intp, stride) if stride else word(shape + field.ndim + k)
            for k, stride in enumerate(field.fixed_strides)
        ]
    array = context.make_array(result)(context, builder)
    data = builder.inttoptr(address, array.data.type)
    context.populate_array(array, data=data, shape=dims, strides=strides, itemsize=itemsize, meminfo=None)
    return array._getvalue()


def _word(context, builder, address, k):
    """Word ``k`` of the int64 array at an address, as one that does not change while a kernel runs."""
    words = builder.inttoptr(address, context.get_value_type(types.int64).as_pointer())
    loaded = builder.load(builder.gep(words, [context.get_constant(types.int64, k)]))
    loaded.set_metadata("invariant.load", builder.module.add_metadata([]))  # LLVM may keep it in a register
    return loaded


def loaders(layouts: dict[str, tuple[Layout, ...]]) -> tuple[Any, Any]:
    """The functions ``load_W(table, copy, lane)`` and ``load_E(table, copy, lane)`` of one program.

    A lane is a piece of the scratch that no other thread uses at the time.

    Args:
        layouts: The fields of P, W and E; see :meth:`sorrelsim.engine.program.Program.layouts`.
    """
    p = CopyType("P", layouts["P"])
    return _loader(CopyType("W", layouts["W"], p)), _loader(CopyType("E", layouts["E"]))


def _loader(kind: CopyType) -> Any:
    @intrinsic
    def load(typingctx, table, copy, lane):
        def codegen(context, builder, signature, args):
            def piece(k, number):
                stride = _word(context, builder, args[0], k + 1)
                return builder.add(_word(context, builder, args[0], k), builder.mul(number, stride))

            model = cgutils.create_struct_proxy(kind)(context, builder)
            model.table, model.copy = args[:2]
            model.block, model.scratch = piece(0, args[1]), piece(2, args[2])
            return model._getvalue()

        return kind(types.intp, types.int64, types.int64), codegen

    return load


def _shared_word(context, builder, shared, k):
    """The address of word k of what threads share: each word lies in a cache line of its own."""
    offset = builder.mul(k, context.get_constant(types.int64, LINE))
    return builder.inttoptr(builder.add(shared, offset), ir.IntType(64).as_pointer())


@intrinsic
def order_word(typingctx, order, k):
    """Word k of an order; see :class:`sorrelsim.engine.compiled.Order`."""

    def codegen(context, builder, signature, args):
        words = builder.inttoptr(args[0], ir.IntType(64).as_pointer())
        return builder.load(builder.gep(words, [args[1]]))

    return types.int64(types.intp, types.int64), codegen


@intrinsic
def read_word(typingctx, shared, k):
    """Read what another thread may write; all that it wrote before is seen too."""

    def codegen(context, builder, signature, args):
        return builder.load_atomic(_shared_word(context, builder, *args), "seq_cst", 8)

    return types.int64(types.intp, types.int64), codegen


@intrinsic
def write_word(typingctx, shared, k, value):
    """Write what another thread may read."""

    def codegen(context, builder, signature, args):
        builder.store_atomic(args[2], _shared_word(context, builder, *args[:2]), "seq_cst", 8)
        return context.get_dummy_value()

    return types.none(types.intp, types.int64, types.int64), codegen


@intrinsic
def add_word(typingctx, shared, k, value):
    """Add to a word that other threads add to as well."""

    def codegen(context, builder, signature, args):
        builder.atomic_rmw("add", _shared_word(context, builder, *args[:2]), args[2], "seq_cst")
        return context.get_dummy_value()

    return types.none(types.intp, types.int64, types.int64), codegen


@intrinsic
def swap_word(typingctx, shared, k, old, new):
    """Put ``new`` where ``old`` still stands; whether it did."""

    def codegen(context, builder, signature, args):
        word = _shared_word(context, builder, *args[:2])
        return builder.extract_value(builder.cmpxchg(word, args[2], args[3], "seq_cst"), 1)

    return types.boolean(types.intp, types.int64, types.int64, types.int64), codegen


@intrinsic
def rest(typingctx):
    """Tell the processor that this thread only waits, where it has an instruction for that."""

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
def _mask_cells(padded, pad, height, width, mask):
    return engine.mask_cells_32 if padded.dtype == types.uint32 else engine.mask_cells_64


@overload(engine.copy_cells, jit_options=OPTIONS)
def _copy_cells(target, source):
    return engine.copy_cells_compiled


@overload(engine.fill_row, jit_options=OPTIONS)
def _fill_row(cells_out, i):
    return engine.fill_row_compiled


@overload(engine.copy_window, jit_options={**OPTIONS, "forceinline": True})  # its sizes are constants there
def _copy_window(flat, cells_out, i, start, row_stride, col_stride, rows, cols):
    return engine.copy_window_compiled


@overload(engine.fill, jit_options=OPTIONS)
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


@overload(engine.copy_run, jit_options={**OPTIONS, "forceinline": True})
def _copy_run(cells_out, i, k, flat, start, n):
    return lambda cells_out, i, k, flat, start, n: _memcpy(cells_out, i, k, flat, start, n)  # type: ignore[call-arg]


@intrinsic
def _memcpy(typingctx, target, i, k, source, start, n):
    """``target[i, k : k + n] = source[start : start + n]`` for arrays that do not overlap."""

    def codegen(context, builder, signature, args):
        where = context.make_tuple(builder, types.UniTuple(types.intp, 2), [args[1], args[2]])
        to = _element(context, builder, target, types.UniTuple(types.intp, 2), args[0], where)
        at = _element(context, builder, source, types.intp, args[3], args[4])
        cgutils.raw_memcpy(builder, to, at, args[5], source.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.none(target, types.intp, types.intp, source, types.intp, types.intp), codegen


@overload(engine.copy_reversed, jit_options={**OPTIONS, "forceinline": True})
def _copy_reversed(cells_out, i, k, flat, start):
    return lambda cells_out, i, k, flat, start: _reverse_four(cells_out, i, k, flat, start)  # type: ignore[call-arg]


@overload(engine.copy_turned, jit_options={**OPTIONS, "forceinline": True})
def _copy_turned(cells_out, i, k, k_stride, flat, start, stride):
    return lambda cells_out, i, k, k_stride, flat, start, stride: _transpose_four(  # type: ignore[call-arg]
        cells_out, i, k, k_stride, flat, start, stride
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
    to = _element(context, builder, target, types.UniTuple(types.intp, 2), args[0], where)
    return to, _element(context, builder, source, types.intp, args[source_at], args[source_at + 1])


@intrinsic
def _reverse_four(typingctx, target, i, k, source, start):
    """``target[i, k : k + 4] = source[start : start + 4][::-1]``."""

    def codegen(context, builder, signature, args):
        four = _Fours(context, builder, source.dtype)
        to, at = _ends(context, builder, signature, args, 2, 3)
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
