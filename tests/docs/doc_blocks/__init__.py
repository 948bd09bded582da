"""Runs the code of the documentation: each page in a process of its own, with vendors answered on the loopback."""
