"""What scripted players share."""
