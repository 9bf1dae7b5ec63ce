"""The optimiser of all learners on PyTorch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch._C import _ImperativeEngine

from sorrelsim.models import checked
from sorrelsim.models.noted import LOSS_LIMIT
from sorrelsim.models.torch.losses import Sloped
from sorrelsim.models.torch.saved_tensors import check_finite, unlike

_ENGINE = _ImperativeEngine()  # a handle of torch's one engine of gradients


def beginnings(loss: Tensor | Sloped, weights: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Returns a loss, or the losses of samples, without a graph; what gradients begin from; and the slopes there.

    Args:
        loss: As of ``Adam.descend``.
        weights: As there.
    """
    if isinstance(loss, Sloped):
        assert weights is not None
        return loss.losses, loss.of, loss.slopes.mul_(weights.view(-1, *[1] * (loss.of.dim() - 1)))
    return loss.detach(), loss, torch.ones_like(loss) if weights is None else weights


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

    def descend(
        self, loss: Tensor | Sloped, learning_rate: float, max_norm: float = 0.0, weights: Tensor | None = None
    ) -> float:
        """Takes one step down a loss.

        Args:
            loss: A scalar; or, with weights, the losses of samples, [batch], of which it is the weighted sum, with
                their graph or with their slopes.
            learning_rate: As of ``step``, and so the norm.
            max_norm: As there.
            weights: What each sample's loss counts, [batch].

        Returns:
            As ``step``.
        """
        samples, begin, slopes = beginnings(loss, weights)
        for p in self.parameters:
            p.grad = None
        # What ``Tensor.backward`` comes down to, without its checks, which take as long as a small layer's gradient.
        _ENGINE.run_backward((begin,), (slopes,), False, False, (), allow_unreachable=True, accumulate_grad=True)
        return self.step(samples if weights is None else samples.dot(weights), learning_rate, max_norm)

    def step(self, loss: Tensor, learning_rate: float, max_norm: float = 0.0) -> float:
        """Takes one step along the gradients that the parameters have.

        Args:
            loss: What they are the gradients of, a scalar.
            learning_rate: Step size.
            max_norm: The norm of all gradients together is scaled down to this; 0 leaves it alone.

        Returns:
            The loss; NaN if a gradient is not finite. If it is not, or above ``LOSS_LIMIT``, nothing is changed.
        """
        moved, gradients = self._gradients()
        norms = torch._foreach_norm(gradients)
        sizes = [norm.item() for norm in norms] if loss.is_cpu else torch.stack(norms).tolist()  # one transfer
        value, size = loss.item(), math.hypot(*sizes)
        if 0 < max_norm < 1.001 * size:  # to the last bit only where it counts: two more calls take as long as a layer
            size = torch.linalg.vector_norm(torch.stack(norms)).item()
        if not (math.isfinite(value) and math.isfinite(size)):
            return value if not math.isfinite(value) else math.nan
        if abs(value) > LOSS_LIMIT:
            return value
        # The fused step divides the gradients by this.
        scale = torch.full((), size / max_norm, device=loss.device) if 0 < max_norm < size else None
        self._move(moved, gradients, learning_rate, scale)
        return value

    def _gradients(self) -> tuple[list[int] | None, list[Tensor]]:
        """Returns the gradients that there are, and of which parameters, None meaning all."""
        found = [p.grad for p in self.parameters]
        gradients = [gradient for gradient in found if gradient is not None]
        if len(gradients) == len(found):
            return None, gradients
        return [i for i, gradient in enumerate(found) if gradient is not None], gradients

    def _move(
        self, moved: list[int] | None, gradients: list[Tensor], learning_rate: float, scale: Tensor | None
    ) -> None:
        """Takes the fused step with some parameters, or with all."""
        lists = self.parameters, self._state["first"], self._state["second"]
        if moved is not None:
            lists = tuple([tensors[i] for i in moved] for tensors in lists)  # type: ignore[assignment]
        parameters, first, second = lists
        (count,) = self._state["steps"]
        with torch.no_grad():
            count += 1
            torch._fused_adam_(
                parameters,
                gradients,
                first,
                second,
                [],
                [count] * len(gradients),
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

    def largest(self) -> float:
        """Returns the largest magnitude among what it moves."""
        with torch.no_grad():
            return torch.stack([p.abs().max().float() for p in self.parameters if p.numel()]).max().item()

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
