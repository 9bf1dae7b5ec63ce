"""The chain of a recording's lines: each ends with a mark of all that stands before it, so that no change goes unseen.

The mark is the first eight hexadecimal digits of the 128-bit BLAKE2b hash of the file up to it. The last line holds the
whole hash of the file before that line, which ``b2sum -l 128`` finds as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

MARK = b',"c":"%s"}'
LENGTH = len(MARK % b"01234567")


class Chain:
    """The hash of a file that is written or read line by line."""

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(digest_size=16)

    @property
    def hash(self) -> str:
        """The hash of all lines so far, 32 hexadecimal digits."""
        return self._digest.hexdigest()

    def seal(self, line: Mapping[str, Any]) -> bytes:
        """Returns a line as it is written, its mark and the newline at its end."""
        text = json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode()[:-1]
        return text + self._tail(text) + b"\n"

    def holds(self, line: bytes) -> bool:
        """Takes the next line of a file in, without its newline; says whether its mark is that of the file so far."""
        text, tail = line[:-LENGTH], line[-LENGTH:]
        return self._tail(text) == tail

    def _tail(self, text: bytes) -> bytes:
        self._digest.update(text)
        tail = MARK % self._digest.hexdigest()[:8].encode()
        self._digest.update(tail + b"\n")
        return tail
