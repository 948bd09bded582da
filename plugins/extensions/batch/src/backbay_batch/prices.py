"""Prices that another distribution knows, where it is installed."""

from __future__ import annotations

from backbay import Backend, Usage

from .budget import Price


def known_price(backend: Backend) -> Price | None:
    """Return what the calls of a backend cost, by the list prices that backbay-telemetry finds.

    Args:
        backend: The backend that is asked.

    Returns:
        ``None`` if backbay-telemetry is not installed, or the backend is none whose vendor's prices hold: a local
        engine, one at another address than the vendor's own, or one that ``fallback`` or ``route`` made.
    """
    try:
        from backbay_telemetry.cost import price
    except ImportError:
        return None
    vendor = backend.spec.name
    if backend.spec.native or backend.id != vendor:
        return None

    def cost(model: str | None, usage: Usage) -> float | None:
        found = None if model is None else price(vendor, model, usage)
        return None if found is None or found.currency != "USD" else float(found.amount)

    return cost
