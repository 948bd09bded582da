"""How telemetry is set up: the process's providers and the environment, unless ``configure`` says otherwise."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, cast

from . import names

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

_NAMED: Mapping[str, tuple[str, str]] = {
    "OTEL_PYTHON_TRACER_PROVIDER": ("opentelemetry.trace", "get_tracer_provider"),
    "OTEL_PYTHON_METER_PROVIDER": ("opentelemetry.metrics", "get_meter_provider"),
}
# By these variables the API makes a provider itself, when it is first asked for one.
_METERS = "opentelemetry.metrics._internal"
# The API's functions look into the environment each time, which takes as long as all else here together. So what they
# would return is looked at first; where a later version of the API has it under another name, they are asked.


class Configuration:
    """What ``configure`` was told.

    Attributes:
        capture_content: Whether messages go on spans; ``None`` leaves it to the environment.
        tracer_provider: Where spans go; ``None`` for the process's own.
        meter_provider: Where metrics go; ``None`` for the process's own.
        cost: Whether spans say what a call cost.
    """

    __slots__ = ("capture_content", "cost", "meter_provider", "tracer_provider")

    def __init__(self) -> None:
        self.capture_content: bool | None = None
        self.tracer_provider: TracerProvider | None = None
        self.meter_provider: MeterProvider | None = None
        self.cost = True

    @property
    def captures(self) -> bool:
        """Whether messages go on spans."""
        if self.capture_content is not None:
            return self.capture_content
        return os.environ.get(names.CAPTURE_CONTENT, "").strip().lower() in names.CAPTURE_ON_SPANS

    def tracers(self) -> TracerProvider | None:
        """Return where spans go; ``None`` if certainly nowhere."""
        if self.tracer_provider is not None:
            return self.tracer_provider
        # Whoever set a provider imported this module; to import it for nothing would cost every program its start.
        module = sys.modules.get("opentelemetry.trace")
        if module is None or getattr(module, "_TRACER_PROVIDER", module) is None:
            return None
        return cast("TracerProvider", module.get_tracer_provider())

    def meters(self) -> MeterProvider | None:
        """Return where metrics go; ``None`` if certainly nowhere."""
        if self.meter_provider is not None:
            return self.meter_provider
        module = sys.modules.get("opentelemetry.metrics")
        if module is None or getattr(sys.modules.get(_METERS), "_METER_PROVIDER", module) is None:
            return None
        return cast("MeterProvider", module.get_meter_provider())


configuration = Configuration()
"""The one of this process."""


def configure(
    *,
    capture_content: bool | None = None,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    cost: bool = True,
) -> None:
    """Set up telemetry for this process, anew each time: what is left out is as if this had never been called.

    Args:
        capture_content: Whether prompts, answers and definitions of tools go on spans, and the words of errors with
            them; ``None``: as the environment variable ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` says,
            which is no if it is not set.
        tracer_provider: Where spans go; ``None`` for the process's own.
        meter_provider: Where metrics go; ``None`` for the process's own.
        cost: Whether spans say what a call cost, where genai-prices is installed and knows it.
    """
    configuration.capture_content = capture_content
    configuration.tracer_provider = tracer_provider
    configuration.meter_provider = meter_provider
    configuration.cost = cost


def make_named_providers(environment: Mapping[str, str] = os.environ) -> None:
    """Let the API make the providers that the environment names, which nobody else may do in time."""
    for variable, (module, function) in _NAMED.items():
        if variable in environment:
            getattr(import_module(module), function)()
