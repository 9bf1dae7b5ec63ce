"""Interrupts at every instruction of Python: the tests' own way to raise ``KeyboardInterrupt`` where they want."""

import sys


class InterruptAt:
    """Raises ``KeyboardInterrupt`` before instruction ``n`` of what runs in the block, in whatever file it lies."""

    def __init__(self, n):
        self.left = n
        self.fired = False

    def trace(self, frame, event, argument):
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        if event == "opcode" and frame.f_code is not InterruptAt.__exit__.__code__:
            self.left -= 1
            if self.left == 0:
                self.fired = True
                sys.settrace(None)
                raise KeyboardInterrupt
        return self.trace

    def __enter__(self):
        sys.settrace(self.trace)
        return self

    def __exit__(self, kind, error, traceback):
        sys.settrace(None)
        return kind is KeyboardInterrupt and self.fired
