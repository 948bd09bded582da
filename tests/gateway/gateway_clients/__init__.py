"""Other people's clients, and Backbay itself, at a gateway before loopback vendors and engines on this machine."""
