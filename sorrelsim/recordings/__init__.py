"""Sessions on disk: written as they happen, replayed bit for bit, exported as tables and films."""
