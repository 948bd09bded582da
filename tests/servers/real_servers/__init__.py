"""Inference servers that nobody of this project wrote, started on this machine with the model of backbay-local."""
