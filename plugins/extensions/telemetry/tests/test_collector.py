"""Through the real OTLP exporter to a collector on loopback, and through programs that set nothing up but the SDK."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import backbay
import backbay_telemetry
from backbay.testing import ScriptedServer

README = Path(__file__).resolve().parents[1] / "README.md"


def attributes(listed):
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in listed}


def program(code, **env):
    """Run a program with what is installed here and no OpenTelemetry but its own."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT", "TEMP") if name in os.environ}
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env={**kept, **env},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


@pytest.fixture
def exported(collector):
    """Send what calls export to the collector; return a function that waits until all is there."""
    tracers, spans = TracerProvider(), OTLPSpanExporter(endpoint=f"{collector.url}/v1/traces")
    tracers.add_span_processor(BatchSpanProcessor(spans))
    exporter = OTLPMetricExporter(endpoint=f"{collector.url}/v1/metrics")
    meters = MeterProvider([PeriodicExportingMetricReader(exporter, export_interval_millis=60_000)])
    backbay_telemetry.configure(tracer_provider=tracers, meter_provider=meters)

    def flush():
        assert tracers.force_flush(5000)
        assert meters.force_flush(5000)

    yield flush
    backbay_telemetry.configure()
    tracers.shutdown()
    meters.shutdown()


def test_a_collector_gets_spans_and_metrics_of_calls_streams_and_errors(exported, collector, connect, chat, secrets):
    def script(asked):
        if asked.json["model"] == "m-2":
            return chat.error(429)
        return chat.stream("a", secrets.answer) if asked.json["stream"] else chat.whole()

    async def calls(backend):
        async with backend:
            await backend.complete(secrets.prompt)
            await backend.stream(secrets.prompt).collect()
            with pytest.raises(backbay.RateLimitError):
                await backend.complete(secrets.prompt, model="m-2")

    with ScriptedServer(script) as server:
        asyncio.run(calls(connect(server)))
    exported()
    whole, stream, failed = collector.spans
    assert [span.name for span in collector.spans] == ["chat m-1", "chat m-1", "chat m-2"]
    assert {span.kind for span in collector.spans} == {Span.SPAN_KIND_CLIENT}
    assert attributes(whole.attributes)["gen_ai.usage.input_tokens"] == 30
    assert attributes(stream.attributes)["gen_ai.request.stream"] is True
    assert failed.status.code == Status.STATUS_CODE_ERROR
    assert attributes(failed.attributes)["error.type"] == "RateLimitError"
    assert sorted(metric.name for metric in collector.metrics) == [
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_per_output_chunk",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.token.usage",
    ]
    [duration] = [metric for metric in collector.metrics if metric.name == "gen_ai.client.operation.duration"]
    assert sum(point.count for point in duration.histogram.data_points) == 3
    for secret in (secrets.key, secrets.prompt, secrets.answer):
        assert not any(secret.encode() in body for body in collector.bodies)


def test_the_local_model_is_seen_by_a_collector(exported, collector):
    with backbay.connect_sync("local:tiny") as backend:
        assert backend.complete("What is the capital of France?", max_tokens=20).text
    exported()
    [span] = collector.spans
    assert attributes(span.attributes)["gen_ai.usage.output_tokens"] > 0


def test_a_program_whose_sdk_is_set_up_after_its_first_call_is_seen_from_then_on():
    said = program("""
        import asyncio
        from backbay.testing import connect_fake

        asyncio.run(connect_fake("a").complete("hi"))

        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        asyncio.run(connect_fake("a").complete("hi"))
        exporter, provider = InMemorySpanExporter(), TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        trace.set_tracer_provider(provider)
        asyncio.run(connect_fake("a").complete("hi"))
        print([span.name for span in exporter.get_finished_spans()])
    """)
    assert said == "['chat fake-1']\n"


def test_a_program_without_an_sdk_never_imports_opentelemetry():
    said = program("""
        import asyncio, sys
        from backbay import hooks
        from backbay.testing import connect_fake

        async def both():
            await connect_fake("a").complete("hi")
            await connect_fake("a").stream("hi").collect()

        asyncio.run(both())
        names = [name for name, _ in hooks.manager().list_name_plugin()]
        print("telemetry" in names, [name for name in sys.modules if name.startswith("opentelemetry")])
    """)
    assert said == "True []\n"


def test_an_api_without_a_provider_and_an_sdk_that_is_switched_off_get_nothing():
    code = """
        import asyncio
        from opentelemetry import metrics, trace
        {set_up}
        from backbay import hooks
        from backbay.capabilities import Capability
        from backbay.testing import connect_fake

        backend = connect_fake("a")
        assert asyncio.run(backend.complete("hi")).text == "a"
        print(hooks.observe(backend, Capability.GENERATE, "fake-1"))
    """
    off = """from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.trace import TracerProvider
        trace.set_tracer_provider(TracerProvider())
        metrics.set_meter_provider(MeterProvider())"""
    noop = """trace.set_tracer_provider(trace.NoOpTracerProvider())
        metrics.set_meter_provider(metrics.NoOpMeterProvider())"""
    assert program(code.format(set_up="")) == "None\n"
    assert program(code.format(set_up=noop)) == "None\n"
    assert program(code.format(set_up=off), OTEL_SDK_DISABLED="true") == "None\n"


def test_a_provider_that_only_the_environment_names_is_found():
    said = program(
        """
        import asyncio
        from backbay.testing import connect_fake

        asyncio.run(connect_fake("a").complete("hi"))
        from opentelemetry import trace
        print(type(trace._TRACER_PROVIDER).__name__)
        """,
        OTEL_PYTHON_TRACER_PROVIDER="sdk_tracer_provider",
    )
    assert said == "TracerProvider\n"


def test_the_quickstart_of_the_readme_prints_its_span():
    quickstart, *_ = re.findall(r"```python\n(import backbay\n.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    said = program(quickstart)
    assert '"name": "chat tiny"' in said
    assert '"gen_ai.usage.input_tokens"' in said
    assert "Paris" in said


def test_every_attribute_and_metric_that_is_exported_is_explained_in_the_readme():
    from backbay_telemetry import names

    text = README.read_text(encoding="utf-8")
    known = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str) and "." in value}
    known -= {names.CONVENTIONS, names.SCHEMA_URL, names.EXCEPTION_TYPE, names.EXCEPTION_MESSAGE}
    assert {name for name in known if f"`{name}`" not in text} == set()
