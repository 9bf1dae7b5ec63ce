"""The recurrent core of a network: one step of it when acting, whole sequences of steps when learning.

Its state is a carry, arrays by name with one row per stream: ``h``, and ``c`` for an LSTM.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Kind = Literal["none", "gru", "lstm"]
Carry = dict[str, Tensor]
CARRIES: dict[Kind, tuple[str, ...]] = {"none": (), "gru": ("h",), "lstm": ("h", "c")}
"""The names in a core's carry."""


def advance(cell: nn.GRUCell | nn.LSTMCell, features: Tensor, carry: Carry) -> Carry:
    """Returns the carry after one step on features, [n_streams, width]."""
    if isinstance(cell, nn.LSTMCell):
        return dict(zip(CARRIES["lstm"], cell(features, (carry["h"], carry["c"])), strict=True))
    return {"h": cell(features, carry["h"])}


def unroll(cell: nn.GRUCell | nn.LSTMCell, features: Tensor, carry: Carry, ended: Tensor) -> Tensor:
    """Runs sequences through a core as they were lived, its state reset where episodes ended.

    Args:
        cell: The core.
        features: [length, sequences, width].
        carry: What each sequence starts from.
        ended: Whether an episode ended with a step, bool [length, sequences].

    Returns:
        float32 [length, sequences, size].
    """
    going_on = (~ended).float().unsqueeze(-1)
    states = []
    for t, seen in enumerate(features):
        carry = advance(cell, seen, carry)
        states.append(carry["h"])
        carry = {name: tensor * going_on[t] for name, tensor in carry.items()}
    return torch.stack(states)
