"""The optimiser of all learners on PyTorch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from sorrelsim.models import checked
from sorrelsim.models.noted import LOSS_LIMIT
from sorrelsim.models.torch.saved_tensors import check_finite, unlike


class Adam:
    """Adam (Kingma and Ba 2015) in torch's fused form: one call moves all parameters and limits their gradients' norm.

    All parameters share one count of steps, and lie on one device. torch.optim.Adam takes the same steps, but its
    bookkeeping costs more than the step where networks are small.

    Args:
        parameters: What it moves; one that comes twice, as of a trunk that two networks share, is moved once.
        eps: Added to the root of the second moment.
        betas: Decay of the first and of the second moment. With a first of 0 it is RMSprop (Tieleman and Hinton 2012)
            whose second moment is corrected for having begun at 0.
    """

    def __init__(
        self, parameters: Iterable[Tensor], eps: float = 1e-8, betas: tuple[float, float] = (0.9, 0.999)
    ) -> None:
        self.parameters = list({id(p): p for p in parameters if p.requires_grad}.values())
        self.eps, self.betas = eps, betas
        self._state: dict[str, list[Tensor]] = {
            "first": [torch.zeros_like(p) for p in self.parameters],
            "second": [torch.zeros_like(p) for p in self.parameters],
            "steps": [torch.zeros((), device=device) for device in {p.device for p in self.parameters}],
        }

    def descend(self, loss: Tensor, learning_rate: float, max_norm: float = 0.0) -> float:
        """Takes one step down a loss; the arguments as of ``step``."""
        for p in self.parameters:
            p.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        return self.step(loss, learning_rate, max_norm)

    def step(self, loss: Tensor, learning_rate: float, max_norm: float = 0.0) -> float:
        """Takes one step along the gradients that the parameters have.

        Args:
            loss: What they are the gradients of, a scalar.
            learning_rate: Step size.
            max_norm: The norm of all gradients together is scaled down to this; 0 leaves it alone.

        Returns:
            The loss; NaN if a gradient is not finite. If it is not, or above ``LOSS_LIMIT``, nothing is changed.
        """
        moved = [i for i, p in enumerate(self.parameters) if p.grad is not None]
        parameters = [self.parameters[i] for i in moved]
        gradients = [p.grad for p in parameters if p.grad is not None]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        value, size = loss.item(), norm.item()
        if not (math.isfinite(value) and math.isfinite(size)):
            return value if not math.isfinite(value) else math.nan
        if abs(value) > LOSS_LIMIT:
            return value
        scale = None
        if 0 < max_norm < size:  # the fused step divides the gradients by this
            scale = torch.full((), size / max_norm, device=norm.device)
        first, second = ([self._state[name][i] for i in moved] for name in ("first", "second"))
        (count,) = self._state["steps"]
        with torch.no_grad():
            count += 1
            torch._fused_adam_(
                parameters,
                gradients,
                first,
                second,
                [],
                [count] * len(moved),
                lr=learning_rate,
                beta1=self.betas[0],
                beta2=self.betas[1],
                weight_decay=0.0,
                eps=self.eps,
                amsgrad=False,
                maximize=False,
                grad_scale=scale,
                found_inf=None,
            )
        return value

    def largest(self) -> float:
        """Returns the largest magnitude among what it moves."""
        with torch.no_grad():
            norms = torch._foreach_norm(self.parameters, math.inf)
            return torch.stack([norm.float() for norm in norms]).max().item()

    def state_dict(self) -> dict[str, Any]:
        """Returns moments and step counts, parameter by parameter."""
        return {name: [tensor.clone() for tensor in tensors] for name, tensors in self._state.items()}

    def check_state(self, state: Any, place: str) -> None:
        """Checks, before anything changes, that a state is of this optimiser's and sound.

        Args:
            state: From ``state_dict``, as tensors or arrays.
            place: What it is called, for errors.

        Raises:
            ValueError: If it is not. What is wrong is named.
        """
        named = checked.names(place, state, self._state)
        for name, tensors in self._state.items():
            saved = named[name]
            if not isinstance(saved, list | tuple) or len(saved) != len(tensors):
                raise ValueError(f"{place}.{name} must hold {len(tensors)} tensors")
            for k, (theirs, ours) in enumerate(zip(saved, tensors, strict=True)):
                if said := unlike(theirs, ours):
                    raise ValueError(f"{place}.{name}.{k} {said}")
                check_finite(theirs, f"{place}.{name}.{k}", None if name == "first" else 0)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state_dict`` gave."""
        for name, tensors in self._state.items():
            for tensor, saved in zip(tensors, state[name], strict=True):
                tensor.copy_(saved)
