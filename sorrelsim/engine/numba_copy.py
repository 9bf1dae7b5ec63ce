"""The bridge to Numba: how rules are compiled and how a copy looks to them. Imported only when a world is compiled.

A compiled rule sees a copy as four words: the table of addresses, where the copy's piece of memory begins, where the
thread's scratch does, and the copy's number. ``w.pos`` becomes one load from the table and an addition: no reference
counts, and no tuple of fifty arrays on the stack.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numba
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
    register_jitable,
    register_model,
)
from numba.np import arrayobj

from sorrelsim.engine.fields import Layout

OPTIONS: Any = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_known: set[int] = set()


def make_callable(function: Callable) -> None:
    """Makes one plain function callable from compiled code."""
    if id(function) not in _known:
        _known.add(id(function))
        register_jitable(**OPTIONS)(function)


class CopyType(types.Type):
    """The type of ``w``, ``e`` or ``w.p``: its fields are known by name, its memory by the table."""

    def __init__(self, title: str, fields: tuple[Layout, ...], p: CopyType | None = None, bounds: bool = False) -> None:
        self.fields = {field.name: field for field in fields}
        self.p = p
        self.array: type[FieldArray] = CheckedArray if bounds else FieldArray
        # Numba builds the names of compiled functions from those of types, so a short one saves much compiling.
        super().__init__(name=f"{title}_{hashlib.sha256(repr((fields, p)).encode()).hexdigest()[:12]}")


class FieldArray(types.Array):
    """An array of a copy. Integers index it as they are: a negative one does not count from the end."""


class CheckedArray(FieldArray):
    """One of a program with bounds: an index that is negative or beyond the end ends the step of its copy."""

    def copy(self, dtype=None, ndim=None, layout=None, readonly=None):
        """What a slice of it is: checked as well."""
        plain = super().copy(dtype, ndim, layout, readonly)
        return CheckedArray(plain.dtype, plain.ndim, plain.layout, not plain.mutable, aligned=plain.aligned)


register_model(FieldArray)(models.ArrayModel)
register_model(CheckedArray)(models.ArrayModel)


@lower_builtin(operator.getitem, FieldArray, types.Integer)
@lower_builtin(operator.getitem, FieldArray, types.BaseTuple)
def _get(context, builder, signature, args):
    pointer = element(context, builder, signature.args[0], signature.args[1], args[0], args[1])
    if pointer is not None:
        return arrayobj.load_item(context, builder, signature.args[0], pointer)
    check_some(context, builder, signature.args[0], signature.args[1], args[0], args[1])
    single = isinstance(signature.args[1], types.Integer)
    usual = arrayobj.getitem_arraynd_intp if single else arrayobj.getitem_array_tuple
    return usual(context, builder, signature, args)


@lower_builtin(operator.setitem, FieldArray, types.Any, types.Any)
def _set(context, builder, signature, args):
    array, index, value = signature.args
    pointer = element(context, builder, array, index, args[0], args[1])
    if pointer is None:
        check_some(context, builder, array, index, args[0], args[1])
        return arrayobj.setitem_array(context, builder, signature, args)
    item = context.cast(builder, args[2], value, array.dtype)
    arrayobj.store_item(context, builder, array, item, pointer)
    return context.get_dummy_value()


def _parts(builder, index, at):
    """The types of an index's parts, and the parts."""
    if not isinstance(index, types.BaseTuple):
        return (index,), [at]
    return tuple(index), cgutils.unpack_tuple(builder, at, len(index))  # type: ignore[arg-type]


def element(context, builder, array, index, value, at):
    """The address of one element, or None where the index does not name one."""
    kinds, parts = _parts(builder, index, at)
    if len(kinds) != array.ndim or not all(isinstance(kind, types.Integer) for kind in kinds):
        return None
    parts = [context.cast(builder, part, kind, types.intp) for part, kind in zip(parts, kinds, strict=True)]
    model = context.make_array(array)(context, builder, value)
    if isinstance(array, CheckedArray):
        for part, length in zip(parts, cgutils.unpack_tuple(builder, model.shape, array.ndim), strict=True):
            check(context, builder, part, length)
    strides = cgutils.unpack_tuple(builder, model.strides, array.ndim)
    if array.layout == "C":  # said to LLVM in so many words, because a loop over a stride of unknown length is slow
        strides[-1] = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(array.dtype)))
    offset = builder.mul(parts[0], strides[0])
    for part, stride in zip(parts[1:], strides[1:], strict=True):
        offset = builder.add(offset, builder.mul(part, stride))
    return cgutils.pointer_add(builder, model.data, offset)


def check(context, builder, part, length):
    """Ends the step of the copy unless 0 <= part < length; see :mod:`sorrelsim.engine.bounds` for what follows."""
    with cgutils.if_unlikely(builder, builder.icmp_unsigned(">=", part, length)):
        context.call_conv.return_user_exc(builder, IndexError, ("an index is out of bounds",))


def check_further(context, builder, array, value, part, more):
    """Checks index ``part + more`` of a line, for code that goes on from the element that it found."""
    if isinstance(array, CheckedArray):
        model = context.make_array(array)(context, builder, value)
        (length,) = cgutils.unpack_tuple(builder, model.shape, 1)
        check(context, builder, builder.add(part, context.get_constant(types.intp, more)), length)


def check_some(context, builder, array, index, value, at):
    """Checks the whole numbers of an index that has slices as well; of others Numba's own check is switched on."""
    kinds, parts = _parts(builder, index, at)
    if not isinstance(array, CheckedArray) or not all(isinstance(k, types.Integer | types.SliceType) for k in kinds):
        return
    model = context.make_array(array)(context, builder, value)
    lengths = cgutils.unpack_tuple(builder, model.shape, array.ndim)
    for part, kind, length in zip(parts, kinds, lengths, strict=False):
        if isinstance(kind, types.Integer):
            check(context, builder, context.cast(builder, part, kind, types.intp), length)


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
            return copy.array(element, field.ndim, "C", readonly=True)
        return copy.array(element, field.ndim, "C" if field.contiguous else "A")


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
    elif field.place == "thread":
        address = builder.add(model.scratch, word(0))
    elif field.place == "given":
        address = builder.add(word(0), builder.mul(model.copy, word(1)))
    else:
        address = word(0)
    shape = 1 if field.place in ("copy", "thread") else 2  # the word where it begins
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


@contextmanager
def checking_all_arrays(bounds: bool) -> Iterator[None]:
    """While a program with bounds is compiled: arrays that rules make themselves are checked too, as NumPy does."""
    config: Any = numba.core.config
    before = config.BOUNDSCHECK
    if bounds:
        config.BOUNDSCHECK = 1
    try:
        yield
    finally:
        config.BOUNDSCHECK = before


def loaders(layouts: dict[str, tuple[Layout, ...]], bounds: bool = False) -> tuple[Any, Any]:
    """The functions ``load_W(table, copy, lane)`` and ``load_E(table, copy, lane)`` of one program.

    A lane is a piece of the scratch that no other thread uses at the time.

    Args:
        layouts: The fields of P, W and E; see :meth:`sorrelsim.engine.program.Program.layouts`.
        bounds: Whether every index is checked.
    """
    titles = "PWE" if not bounds else ("PB", "WB", "EB")
    p = CopyType(titles[0], layouts["P"], bounds=bounds)
    w, e = CopyType(titles[1], layouts["W"], p, bounds), CopyType(titles[2], layouts["E"], bounds=bounds)
    return _loader(w), _loader(e)


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
