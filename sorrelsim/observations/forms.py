"""The forms of an observation that are made from symbolic windows: one-hot channels and text."""

from __future__ import annotations

import numpy as np


def one_hot(symbolic: np.ndarray, n_codes: int) -> np.ndarray:
    """Ids ``[..., row, col, layer]`` to channels ``uint8[..., n_codes - 1, row, col]``; channel k is id k + 1."""
    *lead, rows, cols, layers = symbolic.shape
    into = np.zeros((*lead, n_codes, rows, cols), np.uint8)
    for layer in range(layers):
        np.put_along_axis(into, symbolic[..., layer].astype(np.intp)[..., None, :, :], 1, axis=-3)
    return into[..., 1:, :, :]


def text(symbolic: np.ndarray, glyphs: tuple[str, ...]) -> np.ndarray:
    """Ids ``[..., row, col, layer]`` to lines of text ``[..., row]``: the glyph of the topmost layer that has one."""
    top = np.zeros(symbolic.shape[:-1], np.uint8)
    for layer in range(symbolic.shape[-1]):
        top = np.where(symbolic[..., layer] > 0, symbolic[..., layer], top)
    shown = np.array(glyphs, "<U1")[top]
    return np.ascontiguousarray(shown).view(f"<U{shown.shape[-1]}")[..., 0]
