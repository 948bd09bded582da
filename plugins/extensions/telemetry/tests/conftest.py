"""The real SDK with exporters in memory, a vendor by script, and a collector that reads OTLP: all on loopback."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import ClassVar

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import backbay
import backbay_telemetry
from backbay.testing import Reply

KEY = "sk-telemetry-3f9a0c1d2e4b5f67"
"""The key of every backend here; it may be exported nowhere."""

SECRET_PROMPT = "prompt-of-the-caller-77b1"
SECRET_ANSWER = "answer-of-the-model-52c9"


@pytest.fixture
def secrets():
    """What no default export may hold."""
    return SimpleNamespace(key=KEY, prompt=SECRET_PROMPT, answer=SECRET_ANSWER)


class Seen:
    """What was exported so far."""

    def __init__(self):
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])

    def spans(self):
        return list(self.exporter.get_finished_spans())

    def span(self):
        [found] = self.spans()
        return found

    def metrics(self):
        """The data points of each metric, by its name."""
        data = self.reader.get_metrics_data()
        if data is None:
            return {}
        listed = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
        return {metric.name: list(metric.data.data_points) for metric in listed}

    def everything(self):
        """All that was exported, as text."""
        return "".join(span.to_json() for span in self.spans()) + repr(self.metrics())

    def tracer(self):
        return self.tracers.get_tracer("test")

    def close(self):
        self.tracers.shutdown()
        self.meters.shutdown()


@pytest.fixture
def seen():
    """Telemetry on, with exporters in memory."""
    found = Seen()
    backbay_telemetry.configure(tracer_provider=found.tracers, meter_provider=found.meters)
    yield found
    backbay_telemetry.configure()
    found.close()


@pytest.fixture
def connect():
    """Connect to a scripted server; no retries unless asked for."""

    def connected(server, model="m-1", **config):
        return backbay.connect(f"openai:{model}", base_url=server.url, **{"api_key": KEY, "retries": 0, **config})

    return connected


class Chat:
    """Answers of the chat wire."""

    usage: ClassVar = {
        "prompt_tokens": 30,
        "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }

    def whole(self, text=SECRET_ANSWER, *, finish="stop", id="c-1", model="m-1-0301", **message):
        choice = {"message": {"role": "assistant", "content": text, **message}, "finish_reason": finish, "index": 0}
        return Reply.json({"id": id, "model": model, "choices": [choice], "usage": self.usage})

    def chunk(self, text):
        return {"id": "c-1", "model": "m-1-0301", "choices": [{"index": 0, "delta": {"content": text}}]}

    def stream(self, *texts, pause=0.0):
        end = {"id": "c-1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        last = {"id": "c-1", "choices": [], "usage": self.usage}
        return Reply.events(*(self.chunk(text) for text in texts), end, last, pause=pause)

    def error(self, status=429, message="Slow down.", **headers):
        return Reply.json({"error": {"message": message, "type": "x"}}, status=status, headers=headers)


@pytest.fixture
def chat():
    return Chat()


class Collector:
    """An OTLP collector: takes protobuf over HTTP, and keeps what it was sent."""

    def __init__(self):
        self.spans, self.metrics, self.bodies, self.changed = [], [], [], threading.Condition()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                assert self.headers["content-type"] == "application/x-protobuf"
                answer = collector.take(self.path, body)
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def take(self, path, body):
        with self.changed:
            self.bodies.append(body)
            if path == "/v1/traces":
                sent = ExportTraceServiceRequest.FromString(body)
                self.spans += [s for r in sent.resource_spans for scope in r.scope_spans for s in scope.spans]
                return ExportTraceServiceResponse().SerializeToString()
            assert path == "/v1/metrics"
            sent = ExportMetricsServiceRequest.FromString(body)
            self.metrics += [m for r in sent.resource_metrics for scope in r.scope_metrics for m in scope.metrics]
            return ExportMetricsServiceResponse().SerializeToString()

    def close(self):
        self.server.shutdown()
        self.thread.join(5)
        self.server.server_close()


@pytest.fixture
def collector():
    found = Collector()
    yield found
    found.close()
