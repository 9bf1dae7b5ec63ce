"""The names of devices that settings take; whether there is such a device is seen where a network is built."""

from __future__ import annotations

import difflib
import re

from sorrelsim.errors import ConfigError


def check_device_name(name: str) -> None:
    """Checks the form of a name.

    Raises:
        ConfigError: If no device is called so.
    """
    if re.fullmatch(r"auto|cpu|mps|cuda(:(0|[1-9]\d?))?", name):
        return
    near = difflib.get_close_matches(name, ("auto", "cpu", "cuda", "cuda:0", "mps"), 1, 0.5)
    mean = f"; did you mean {near[0]!r}?" if near else "."
    raise ConfigError(f"no device {name!r}{mean} Allowed: auto, cpu, cuda, cuda:N (such as cuda:1), mps")
