"""The bridge to Numba: how rules are compiled and how a copy looks to them. Imported only when a world is compiled.

A compiled rule sees a copy as a pair (table of addresses, copy). ``w.pos`` becomes a few loads from the table and the
address of that copy's array: no reference counts, no tuple of fifty arrays on the stack, and a call passes two words.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
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

from sorrelsim import engine
from sorrelsim.kernels import Layout
from sorrelsim.rules import draw
from sorrelsim.rules.registry import RULES

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
        # The table of addresses, the copy's number, and the copy's row of addresses that were reckoned beforehand.
        super().__init__(manager, kind, [("table", types.intp), ("copy", types.int64), ("row", types.intp)])


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
        inner.table, inner.copy, inner.row = model.table, model.copy, model.row
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

    if field.row >= 0:
        address = _word(context, builder, model.row, field.row)
    elif field.per_copy:
        address = builder.add(word(0), builder.mul(model.copy, word(1)))
    else:
        address = word(0)
    if field.scalar:
        pointer = builder.inttoptr(address, context.get_data_type(result).as_pointer())
        return context.unpack_value(builder, result, pointer)
    itemsize = context.get_abi_sizeof(context.get_data_type(result.dtype))
    dims = [word(2 + k) for k in range(field.ndim)]
    if field.contiguous:
        strides = [context.get_constant(types.intp, itemsize)]
        for dim in reversed(dims[1:]):
            strides.insert(0, builder.mul(strides[0], dim))
    else:
        strides = [
            context.get_constant(types.intp, stride) if stride else word(2 + field.ndim + k)
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
    """The functions ``load_W(table, copy)`` and ``load_E(table, copy)`` of one program.

    Args:
        layouts: The fields of P, W and E; see :meth:`sorrelsim.kernels.Program.layouts`.
    """
    p = CopyType("P", layouts["P"])
    w = CopyType("W", layouts["W"], p)
    e = CopyType("E", layouts["E"])
    in_row = 1 + max(field.row for fields in layouts.values() for field in fields)

    def loader(kind: CopyType):
        @intrinsic
        def load(typingctx, table, copy):
            def codegen(context, builder, signature, args):
                model = cgutils.create_struct_proxy(kind)(context, builder)
                model.table, model.copy = args
                offset = builder.mul(args[1], context.get_constant(types.int64, 8 * in_row))
                model.row = builder.add(_word(context, builder, args[0], 0), offset)
                return model._getvalue()

            return kind(types.intp, types.int64), codegen

        return load

    return loader(w), loader(e)


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
    return {1: engine.fill_1d, 2: engine.fill_2d, 3: engine.fill_3d}[array.ndim]


@overload(engine.read_alone, jit_options={**OPTIONS, "forceinline": True})
def _read_alone(flat, index):
    return lambda flat, index: _load_alone(flat, index)  # type: ignore[call-arg]


@intrinsic
def _load_alone(typingctx, flat, index):
    """``flat[index]`` as an atomic load without ordering: an ordinary load that LLVM does not merge with others."""

    def codegen(context, builder, signature, args):
        pointer = _element(context, builder, signature.args[0], signature.args[1], args[0], args[1])
        return builder.load_atomic(pointer, "monotonic", flat.dtype.bitwidth // 8)

    return flat.dtype(flat, index), codegen


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
