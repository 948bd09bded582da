"""Where spans and metrics go: the tracer and the instruments of the providers that there are now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import names
from .configuring import configuration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.metrics import Histogram, Meter, MeterProvider
    from opentelemetry.trace import Tracer, TracerProvider


class Instruments:
    """The four histograms of the conventions.

    Attributes:
        tokens: Tokens of a call, input and output apart.
        duration: Seconds from the call to its end.
        first_chunk: Seconds from the call to the first chunk of a stream.
        per_chunk: Seconds between two chunks of a stream.
    """

    __slots__ = ("duration", "first_chunk", "per_chunk", "tokens")

    def __init__(self, meter: Meter) -> None:
        def seconds(name: str, description: str) -> Histogram:
            return _histogram(meter, name, "s", description, names.SECOND_BOUNDS)

        self.tokens = _histogram(
            meter, names.TOKEN_USAGE, "{token}", "Tokens of a call, as the vendor counts them.", names.TOKEN_BOUNDS
        )
        self.duration = seconds(names.OPERATION_DURATION, "How long a call took, retries and their pauses included.")
        self.first_chunk = seconds(names.OPERATION_FIRST_CHUNK, "From the call to the first chunk of its stream.")
        self.per_chunk = seconds(names.OPERATION_PER_CHUNK, "From one chunk of a stream's answer to the next.")


def _histogram(meter: Meter, name: str, unit: str, description: str, bounds: Sequence[float]) -> Histogram:
    return meter.create_histogram(name, unit, description, explicit_bucket_boundaries_advisory=bounds)


class Sinks:
    """A tracer and instruments; each is ``None`` where nobody listens."""

    __slots__ = ("instruments", "tracer")

    def __init__(self, tracer: Tracer | None, instruments: Instruments | None) -> None:
        self.tracer = tracer
        self.instruments = instruments


_known: tuple[TracerProvider | None, MeterProvider | None, Sinks | None] = (None, None, None)


def current() -> Sinks | None:
    """Return where spans and metrics go now; ``None`` if nobody listens to either."""
    global _known
    tracers, meters = configuration.tracers(), configuration.meters()
    if tracers is None and meters is None:
        return None
    known = _known
    if known[0] is not tracers or known[1] is not meters:
        known = _known = (tracers, meters, _sinks(tracers, meters))
    return known[2]


def _sinks(tracers: TracerProvider | None, meters: MeterProvider | None) -> Sinks | None:
    tracer = None if tracers is None else _tracer(tracers)
    meter = None if meters is None else _meter(meters)
    if tracer is None and meter is None:
        return None
    return Sinks(tracer, None if meter is None else Instruments(meter))


def _tracer(provider: TracerProvider) -> Tracer | None:
    """Return a tracer; ``None`` if nobody listens to it. A provider that is set later is another object, seen then."""
    from opentelemetry.trace import NoOpTracer, ProxyTracerProvider

    if isinstance(provider, ProxyTracerProvider):
        return None
    tracer = provider.get_tracer(names.SCOPE, _version(), names.SCHEMA_URL)
    return None if isinstance(tracer, NoOpTracer) else tracer  # OTEL_SDK_DISABLED gives such a one, too.


def _meter(provider: MeterProvider) -> Meter | None:
    from opentelemetry.metrics import NoOpMeter

    if type(provider).__module__.startswith("opentelemetry.metrics."):
        return None  # The API's own stand-ins, of which not all have a public name.
    meter = provider.get_meter(names.SCOPE, _version(), names.SCHEMA_URL)
    return None if isinstance(meter, NoOpMeter) else meter


def _version() -> str:
    from importlib.metadata import version

    return version("backbay-telemetry")
