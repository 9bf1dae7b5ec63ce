"""Checkpoints as they were written before: zip files of PyTorch (``.pt``) and of NumPy (``.npz``), read as data.

Nothing is executed: a pickle's instructions are gone through here, and those that make tensors, dicts, lists, numbers
and text are followed; any other is refused. The zip's own checksums are held to, compressed entries are refused (we
never wrote any), and no array may be larger than the file.
"""

from __future__ import annotations

import io
import json
import math
import pickletools
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

MAX_NODES, MAX_DEPTH, MAX_INSTRUCTIONS = 200_000, 100, 500_000
"""Values that a checkpoint's tree may have, its levels, and the instructions of a pickle."""

_STORAGES = {
    f"torch {name}Storage": np.dtype(code)
    for name, code in {
        "Float": "<f4", "Double": "<f8", "Half": "<f2", "Long": "<i8", "Int": "<i4", "Short": "<i2", "Char": "i1",
        "Byte": "u1", "Bool": "?",
    }.items()
}  # fmt: skip
_TENSOR, _DICT = "torch._utils _rebuild_tensor_v2", "collections OrderedDict"


class CheckpointError(ValueError):
    """A file that is no sound checkpoint; the message names the file and what to do."""


class _Global(str):
    """A name that a pickle refers to."""


def read_before(data: bytes) -> Any:
    """Returns the tree that a file of an earlier version holds, tensors as arrays.

    Raises:
        CheckpointError: If the file is damaged, or holds anything but plain data and tensors.
    """
    try:
        entries = _entries(data)
        inside = next((name for name in entries if name.endswith("/data.pkl")), None)
        if inside is not None:
            folder = inside.removesuffix("data.pkl")
            storages = {name.removeprefix(f"{folder}data/"): held for name, held in entries.items()}
            return _plain(_follow(entries[inside], storages), len(data))
        if "tree.npy" not in entries:
            raise CheckpointError("is no checkpoint of sorrelsim")
        return _plain(_dressed(entries), len(data))
    except CheckpointError:
        raise
    except zipfile.BadZipFile as error:
        raise CheckpointError(f"is damaged or cut short ({error})") from None
    except Exception as error:  # zipfile and NumPy raise a dozen kinds on damaged files
        raise CheckpointError(f"is damaged, or no checkpoint of sorrelsim ({type(error).__name__}: {error})") from None


def _entries(data: bytes) -> dict[str, bytes]:
    """Returns a zip's entries by name, each checked against its checksum."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        listed = file.infolist()
        if any(each.compress_type != zipfile.ZIP_STORED for each in listed):
            raise CheckpointError("has compressed entries, which no checkpoint of sorrelsim has")
        if sum(each.file_size for each in listed) > len(data) or any(e.file_size != e.compress_size for e in listed):
            raise CheckpointError("is damaged: its entries are larger than the file")
        return {each.filename: file.read(each) for each in listed}


def _dressed(entries: dict[str, bytes]) -> Any:
    """Returns the tree of an npz file with its arrays."""

    def array(name: str) -> np.ndarray:
        file = io.BytesIO(entries.pop(f"{name}.npy"))  # each hangs in one place
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
        held = file.read()
        if dtype.hasobject or len(held) != math.prod(shape) * dtype.itemsize:
            raise CheckpointError(f"is damaged: the array {name} does not fit its shape")
        return np.frombuffer(held, dtype).reshape(shape, order="F" if fortran else "C")

    def dress(node: Any) -> Any:
        if isinstance(node, dict):
            return array(node["__array__"]) if "__array__" in node else {k: dress(v) for k, v in node.items()}
        return [dress(value) for value in node] if isinstance(node, list) else node

    return dress(json.loads(array("tree").tobytes()))


def _follow(pickled: bytes, storages: Mapping[str, bytes]) -> Any:
    """Follows the instructions of a pickle as ``torch.save`` writes them."""
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[Any, Any] = {}
    for count, (opcode, argument, _) in enumerate(pickletools.genops(pickled)):
        name = opcode.name
        if count > MAX_INSTRUCTIONS:
            raise CheckpointError(f"has a pickle of more than {MAX_INSTRUCTIONS} instructions")
        if name in _LITERALS:
            make = _LITERALS[name]
            stack.append(argument if make is None else make())
        elif name == "MARK":
            marks.append(len(stack))
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "GLOBAL":
            stack.append(_Global(argument))
        elif name == "BINPERSID":
            stack.append(_storage(stack.pop(), storages))
        elif name == "REDUCE":
            arguments = stack.pop()
            stack.append(_made(stack.pop(), arguments))
        elif name in _ENDS:
            taken = _ENDS[name]
            start = len(stack) - taken if taken is not None else marks.pop()
            if start < 0:
                raise CheckpointError("is damaged: its pickle takes more than there is")
            items, stack[start:] = stack[start:], []
            _gather(name, stack, items)
        elif name == "STOP":
            return stack.pop()
        elif name not in ("PROTO", "FRAME"):
            raise CheckpointError(f"holds the instruction {name}, which is not followed: it may run code")
    raise CheckpointError("is damaged: its pickle has no end")


_LITERALS: dict[str, Callable[[], Any] | None] = {
    "NONE": None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "BININT": None, "BININT1": None, "BININT2": None,
    "LONG1": None, "LONG4": None, "BINFLOAT": None, "BINUNICODE": None, "SHORT_BINUNICODE": None,
    "EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple,
}  # fmt: skip
_ENDS = {
    "TUPLE": None, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3, "APPEND": 1, "APPENDS": None, "SETITEM": 2, "SETITEMS": None,
}  # fmt: skip


def _gather(name: str, stack: list[Any], items: list[Any]) -> None:
    """Puts items into a tuple, or into the list or dict that lies below them."""
    if name.startswith("TUPLE"):
        stack.append(tuple(items))
    elif name.startswith("APPEND") and isinstance(stack[-1], list):
        stack[-1].extend(items)
    elif name.startswith("SETITEM") and isinstance(stack[-1], dict):
        stack[-1].update(zip(items[::2], items[1::2], strict=True))
    else:
        raise CheckpointError("is damaged: its pickle puts items into what holds none")


def _storage(reference: Any, storages: Mapping[str, bytes]) -> np.ndarray:
    """Returns a storage as a flat array."""
    kind, dtype, key, _, size = reference
    if kind != "storage" or not isinstance(dtype, _Global) or dtype not in _STORAGES:
        raise CheckpointError(f"holds tensors of {dtype}, which is not read")
    held = np.frombuffer(storages[key], _STORAGES[dtype])
    if len(held) != size:
        raise CheckpointError("is damaged: a tensor's numbers are not all there")
    return held


def _made(what: Any, arguments: Any) -> Any:
    """Returns what a pickle asks to be made: a tensor, as an array, or a dict."""
    if isinstance(what, _Global) and what == _DICT and arguments == ():
        return {}
    if not isinstance(what, _Global) or what != _TENSOR:
        raise CheckpointError(f"names {str(what)[:100]!r}, which is not followed: it may run code")
    storage, offset, shape, stride = arguments[:4]
    numbers = [offset, *shape, *stride]
    if not isinstance(storage, np.ndarray) or len(shape) != len(stride) or len(shape) > 32:
        raise CheckpointError("is damaged: a tensor without numbers")
    if any(type(each) is not int or not 0 <= each <= 2**48 for each in numbers):
        raise CheckpointError(f"is damaged: a tensor of shape {shape}")
    if 0 in shape:
        return np.zeros(shape, storage.dtype)
    last = offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
    if last >= len(storage) or math.prod(shape) > len(storage):
        raise CheckpointError("is damaged: a tensor is larger than what it is made of")
    strides = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, strides)


def _plain(node: Any, n_bytes: int) -> Any:
    """Returns a tree of dicts by text, lists, arrays, numbers and text; not one that expands without end."""
    left, room = MAX_NODES, 4 * n_bytes

    def visit(node: Any, depth: int) -> Any:
        nonlocal left, room
        left -= 1
        if left < 0 or depth > MAX_DEPTH:
            raise CheckpointError(f"holds more than {MAX_NODES} values or {MAX_DEPTH} levels: it has no end")
        if isinstance(node, dict):
            return {str(key): visit(value, depth + 1) for key, value in node.items()}
        if isinstance(node, list | tuple):
            return [visit(value, depth + 1) for value in node]
        if isinstance(node, _Global) or not isinstance(node, np.ndarray | str | bool | int | float | None):
            raise CheckpointError(f"holds {str(node)[:100]!r}, which is no plain data")
        if isinstance(node, np.ndarray):
            room -= node.nbytes
            if room < 0:
                raise CheckpointError("holds one array over and over: it has no end")
            return node.copy()
        return node

    return visit(node, 0)
