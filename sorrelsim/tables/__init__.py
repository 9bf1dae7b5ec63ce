"""Tables on disk, written as they grow: what happened in a world, step by step."""
