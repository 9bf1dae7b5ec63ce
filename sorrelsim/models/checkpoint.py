"""Checkpoints without pickle: arrays and plain data in one file, written whole or not at all; reading runs no code.

The file is NumPy's npz: one entry per array, and one of JSON for the tree that they hang in. Models without torch and
memories save themselves so; torch models write tensors, by ``atomic_write`` too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sorrelsim.writing import write_beside

_ARRAY = "__array__"
_TREE = "tree"


def save_tree(path: str | Path, tree: Mapping[str, Any]) -> None:
    """Writes nested dicts and lists of arrays, numbers, strings, bools and None.

    Raises:
        TypeError: If something else is in the tree.
    """
    arrays: dict[str, Any] = {}

    def strip(node: Any) -> Any:
        if isinstance(node, np.ndarray):
            if node.dtype.hasobject:
                raise TypeError("an array of Python objects cannot be saved")
            key = f"a{len(arrays)}"
            arrays[key] = node
            return {_ARRAY: key}
        if isinstance(node, Mapping):
            return {str(key): strip(value) for key, value in node.items()}
        if isinstance(node, list | tuple):
            return [strip(value) for value in node]
        if isinstance(node, np.generic):
            return node.item()
        if node is None or isinstance(node, bool | int | float | str):
            return node
        raise TypeError(f"only arrays and plain data can be saved, not {type(node).__name__}")

    text = json.dumps(strip(tree)).encode()
    atomic_write(path, lambda file: np.savez(file, **{_TREE: np.frombuffer(text, np.uint8)}, **arrays))  # type: ignore[arg-type]


def load_tree(path: str | Path) -> dict[str, Any]:
    """Reads what ``save_tree`` wrote; tuples come back as lists.

    Raises:
        ValueError: If the file is not such a checkpoint.
    """
    with np.load(Path(path), allow_pickle=False) as file:
        if _TREE not in file:
            raise ValueError(f"{path} is not a sorrelsim checkpoint")

        def dress(node: Any) -> Any:
            if isinstance(node, dict):
                return file[node[_ARRAY]] if _ARRAY in node else {key: dress(value) for key, value in node.items()}
            return [dress(value) for value in node] if isinstance(node, list) else node

        return dress(json.loads(file[_TREE].tobytes()))


def atomic_write(path: str | Path, write: Callable[[BinaryIO], Any]) -> None:
    """Writes a file under a temporary name and renames it, so that a crash never leaves half a checkpoint."""
    write_beside(path, write)
