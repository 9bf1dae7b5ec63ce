"""What one agent sees: the spec, the forms it can take, and the protocol that an agent may ask of a world."""
