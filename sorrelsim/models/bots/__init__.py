"""What scripted players share: what one reads off a window (``view``), and the base that walks (``bot``)."""
