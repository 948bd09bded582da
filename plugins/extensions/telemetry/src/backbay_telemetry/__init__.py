"""OpenTelemetry for Backbay: a span and metrics of every call, by the GenAI conventions, and what it cost.

Installed, it is on: spans and metrics go where the process's OpenTelemetry providers send them, and nowhere if there
are none. Content stays out unless it is asked for.
"""

from .configuring import configure
from .cost import Cost, cost_of, price

__all__ = ["Cost", "configure", "cost_of", "price"]
