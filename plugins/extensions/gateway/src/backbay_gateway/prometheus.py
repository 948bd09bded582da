"""The figures in Prometheus' text format, version 0.0.4.

Written by hand: the format is a few lines, while its client library takes locks for each count, and its own files for
several processes. Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (read 2026-11-21).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .metrics import BUCKETS, Data

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The format's media type."""

_STATES = {"closed": 0, "half_open": 1, "open": 2}


def text(data: Data, upstreams: Sequence[Mapping[str, object]], version: str) -> str:
    """Return all figures.

    Args:
        data: As ``Metrics.data`` gives it.
        upstreams: What the status page shows of each.
        version: Of this distribution.
    """
    lines: list[str] = []
    _family(lines, "info", "gauge", "The version that runs.", [({"version": version}, 1)])
    _family(lines, "start_time_seconds", "gauge", "Unix time of the start.", [({}, data["started"])])
    _family(lines, "requests_in_flight", "gauge", "Requests that are being answered.", [({}, data["live"])])
    names = ("endpoint", "served_by", "status", "mode")
    requests = [(dict(zip(names, key, strict=True)), count) for *key, count in data["requests"]]
    _family(lines, "requests_total", "counter", "Requests, by what came of them.", requests)
    _histogram(lines, "request_duration_seconds", "Seconds from a request to the end of its answer.", data["durations"])
    _histogram(lines, "first_byte_seconds", "Seconds from a request to the first byte.", data["first_bytes"])
    tokens = [
        ({"served_by": label, "direction": direction}, counts[place])
        for label, counts in data["tokens"].items()
        for place, direction in enumerate(("input", "output"))
    ]
    _family(lines, "tokens_total", "counter", "Tokens that upstreams reported.", tokens)
    sizes = [({"direction": name}, size) for name, size in zip(("in", "out"), data["bytes"], strict=True)]
    _family(lines, "body_bytes_total", "counter", "Bytes of requests' and answers' bodies.", sizes)
    asked = [({"served_by": label}, count) for label, count in data["asked"]]
    _family(lines, "upstream_requests_total", "counter", "Requests that were sent to upstreams.", asked)
    failures = [({"served_by": label, "kind": kind}, count) for label, kind, count in data["upstream_failures"]]
    _family(lines, "upstream_failures_total", "counter", "Failures of upstreams.", failures)
    reloads = [({"outcome": outcome}, count) for outcome, count in data["reloads"].items()]
    _family(lines, "config_reloads_total", "counter", "Times that the configuration was read again.", reloads)
    _upstreams(lines, upstreams)
    return "\n".join(lines) + "\n"


def _upstreams(lines: list[str], upstreams: Sequence[Mapping[str, object]]) -> None:
    up = [({"upstream": each["name"]}, int(bool(each["up"]))) for each in upstreams if each["up"] is not None]
    _family(lines, "upstream_up", "gauge", "Whether an upstream can be reached.", up)
    states = [({"upstream": each["name"]}, _STATES[str(each["breaker"])]) for each in upstreams]
    _family(lines, "upstream_breaker_state", "gauge", "0 closed, 1 half open, 2 open.", states)
    busy = [({"upstream": each["name"]}, each["busy"]) for each in upstreams]
    _family(lines, "upstream_requests_in_flight", "gauge", "Requests that an upstream works on.", busy)


def _family(
    lines: list[str], name: str, kind: str, about: str, samples: Iterable[tuple[Mapping[str, object], object]]
) -> None:
    lines += (f"# HELP backbay_{name} {about}", f"# TYPE backbay_{name} {kind}")
    lines += (f"backbay_{name}{_labels(labels)} {value}" for labels, value in samples)


def _histogram(lines: list[str], name: str, about: str, found: Mapping[str, Sequence[float]]) -> None:
    lines += (f"# HELP backbay_{name} {about}", f"# TYPE backbay_{name} histogram")
    for label, values in found.items():
        total = 0
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), values[:-1], strict=True):
            total += int(count)
            lines.append(f"backbay_{name}_bucket{_labels({'served_by': label, 'le': bound})} {total}")
        lines.append(f"backbay_{name}_sum{_labels({'served_by': label})} {values[-1]:.6f}")
        lines.append(f"backbay_{name}_count{_labels({'served_by': label})} {total}")


def _labels(labels: Mapping[str, object]) -> str:
    inner = ",".join(f'{name}="{_escaped(str(value))}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
