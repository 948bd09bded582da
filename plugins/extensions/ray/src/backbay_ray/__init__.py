"""An engine for Backbay's batches: the calls are made by actors on a Ray cluster, each of which holds a backend."""

from .engine import RayEngine

__all__ = ["RayEngine"]
