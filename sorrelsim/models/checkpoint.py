"""Checkpoints: arrays and plain data in one file, under a checksum, written whole or not at all; reading runs no code.

The file is in the safetensors format: one tensor per array, and in its metadata the tree that they hang in, as JSON,
and the SHA-256 of the whole file, taken with zeros in its own place. Whatever is changed in it is noticed. All models
and memories save themselves so; what was written before is read by ``checkpoint_before``. This module needs no torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sorrelsim.errors import unknown
from sorrelsim.models.checkpoint_before import CheckpointError as CheckpointError
from sorrelsim.models.checkpoint_before import read_before
from sorrelsim.writing import new_file

SUFFIX = ".safetensors"
"""How the name of a saved model ends; before, it was ``.pt``."""
MAX_HEADER = 32_000_000
"""Bytes of plain data that a checkpoint may hold beside its arrays."""

_ARRAY, _VERSION = "__array__", "1"
_ZEROS = "0" * 64
_NAMES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8",
    "uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip


def save_tree(path: str | Path, tree: Mapping[str, Any]) -> None:
    """Writes nested dicts and lists of arrays, numbers, strings, bools and None.

    Raises:
        TypeError: If something else is in the tree.
        ValueError: If there is more plain data than ``MAX_HEADER``; arrays may be of any size.
    """
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(_strip(tree, arrays, "the tree"))
    if len(text) > MAX_HEADER:
        raise ValueError(
            f"{path}: {len(text)} bytes of plain data cannot be saved, at most {MAX_HEADER}; put numbers into arrays"
        )
    with new_file(path) as file:
        _write(file, text, arrays)


def _strip(node: Any, arrays: dict[str, np.ndarray], place: str) -> Any:
    """Returns a tree as plain data, with names in place of its arrays, which are put aside."""
    if isinstance(node, np.generic):
        node = node.item()
    if isinstance(node, np.ndarray):
        if node.dtype.hasobject:
            raise TypeError(f"{place}: an array of Python objects cannot be saved")
        key = f"a{len(arrays)}"
        native = node.astype(node.dtype.newbyteorder("="), copy=False)
        if native.dtype.name in _NAMES:
            arrays[key] = native
            return {_ARRAY: key}
        arrays[key] = np.frombuffer(native.tobytes(), np.uint8)  # such as text: its bytes, and what they mean
        return {_ARRAY: key, "dtype": native.dtype.newbyteorder("<").str, "shape": list(native.shape)}
    if isinstance(node, Mapping):
        named = {str(key): _strip(value, arrays, f"{place}.{key}") for key, value in node.items()}
        if len(named) < len(node) or _ARRAY in named:
            raise TypeError(f"{place}: keys must differ as text, and none may be {_ARRAY!r}")
        return named
    if isinstance(node, list | tuple):
        return [_strip(value, arrays, f"{place}.{k}") for k, value in enumerate(node)]
    if node is None or isinstance(node, bool | int | float | str):
        return node
    raise TypeError(f"{place}: only arrays and plain data can be saved, not {type(node).__name__}")


def _write(file: BinaryIO, tree: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes the file with zeros for its checksum, and then the checksum in their place."""
    header: dict[str, Any] = {"__metadata__": {"sorrelsim": _VERSION, "checksum": _ZEROS, "tree": tree}}
    order = sorted(arrays, key=lambda key: -arrays[key].dtype.itemsize)  # so that each lies where its dtype may lie
    end = 0
    for key in order:
        start, end = end, end + arrays[key].nbytes
        dtype, shape = _NAMES[arrays[key].dtype.name], list(arrays[key].shape)
        header[key] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    digest = hashlib.sha256()
    parts: list[Any] = [len(text).to_bytes(8, "little"), text]
    parts += (np.ascontiguousarray(arrays[key]).reshape(-1).view(np.uint8).data for key in order if arrays[key].size)
    with ThreadPoolExecutor(1) as beside:  # large arrays are summed while they are written: neither holds Python up
        for part in parts:
            beside.submit(digest.update, part)
            file.write(part)
    file.seek(8 + text.index(_ZEROS.encode()))
    file.write(digest.hexdigest().encode())


def load_tree(path: str | Path) -> dict[str, Any]:
    """Reads what ``save_tree`` wrote, or models and memories wrote before; tuples come back as lists.

    Raises:
        FileNotFoundError: If there is no such file, nor one of that name with the other ending of a saved model.
        CheckpointError: If the file is damaged, or no checkpoint. Nothing in it is executed.
    """
    path = saved_file(path)
    data = path.read_bytes()
    try:
        tree = read_before(data) if data[:2] == b"PK" else _read(data)
    except CheckpointError as error:
        raise CheckpointError(
            f"{path} {error}. Nothing was loaded: copy the file again from where it came, or take another checkpoint"
        ) from None
    if not isinstance(tree, dict):
        raise CheckpointError(f"{path} is no checkpoint of sorrelsim: it holds a {type(tree).__name__}, not named data")
    return tree


def saved_file(path: str | Path) -> Path:
    """Returns a saved model's file; the same name with the ending of now or of before will do.

    Raises:
        FileNotFoundError: If there is none; the nearest in its folder is named.
    """
    path = Path(path)
    for found in (path, path.with_name(path.stem + SUFFIX), path.with_name(path.stem + ".pt")):
        if found.is_file():
            return found
    if path.is_dir():
        raise FileNotFoundError(f"{path} is a folder, not a saved model")
    found_there = path.parent.iterdir() if path.parent.is_dir() else ()
    beside = [each.name for each in found_there if each.suffix in (SUFFIX, ".pt")]
    raise FileNotFoundError(unknown("saved model", path.name, beside, str(path.parent)))


def _read(data: bytes) -> Any:
    size = int.from_bytes(data[:8], "little")
    if not data:
        raise CheckpointError("is empty")
    if not 2 <= size <= min(len(data) - 8, 4 * MAX_HEADER) or data[8:9] != b"{":
        raise CheckpointError("is no checkpoint of sorrelsim, or its beginning is damaged")
    try:
        header = json.loads(data[8 : 8 + size])
        metadata = header["__metadata__"]
        checksum, version, text = (metadata[key] for key in ("checksum", "sorrelsim", "tree"))
        place = data.index(checksum.encode(), 8, 8 + size)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CheckpointError("is no checkpoint of sorrelsim, or its beginning is damaged") from None
    seen = memoryview(data)
    digest = hashlib.sha256(seen[:place])
    digest.update(_ZEROS.encode())
    digest.update(seen[place + len(_ZEROS) :])
    if digest.hexdigest() != checksum:
        raise CheckpointError("is damaged or cut short: its checksum does not fit what it holds")
    if version != _VERSION:
        raise CheckpointError(f"is of format {version!r}, and this version reads {_VERSION!r}: it needs a later one")
    return _dressed(text, data)


def _dressed(text: str, data: bytes) -> Any:
    """Returns the tree of a sound file with its arrays; each hangs in one place."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(data)

        def dress(node: Any) -> Any:
            if isinstance(node, list):
                return [dress(value) for value in node]
            if not isinstance(node, dict):
                return node
            if _ARRAY not in node:
                return {key: dress(value) for key, value in node.items()}
            array = arrays.pop(node[_ARRAY])
            if "dtype" not in node:
                return array
            dtype = np.dtype(str(node["dtype"]))
            if dtype.hasobject:
                raise ValueError("Python objects")
            return np.frombuffer(array.tobytes(), dtype).reshape(node["shape"]).copy()

        return dress(json.loads(text))
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError, MemoryError) as error:
        raise CheckpointError(f"is no sound checkpoint ({type(error).__name__}: {error})") from None
