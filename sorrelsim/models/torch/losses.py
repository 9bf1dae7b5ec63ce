"""Pure functions that losses of several learners are made of; what one learner alone needs stands in its file."""

from __future__ import annotations

import torch
from torch import Tensor


def mask_values(values: Tensor, masks: Tensor | None) -> Tensor:
    """Lowers values of forbidden actions to minus infinity, so that no maximum takes them."""
    return values if masks is None else values.masked_fill(~masks, -torch.inf)


def mask_logits(logits: Tensor, masks: Tensor | None) -> Tensor:
    """Lowers logits of forbidden actions so far that their probability is 0; finite, to keep entropies free of NaN."""
    return logits if masks is None else logits.masked_fill(~masks, -1e9)


def weighted_mean(losses: Tensor, valid: Tensor, weights: Tensor) -> Tensor:
    """Returns the mean over the valid samples of their weighted losses, all [batch]."""
    return losses.dot(valid * weights / valid.sum().clamp(min=1))
