"""llama.cpp's own server, as xllamacpp brings it: ``python llama.py PORT POOLING``, where POOLING is MEAN or RANK."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import xllamacpp

_MODEL = "plugins/backends/local/src/backbay_local/models/backbay-tiny-q8_0.gguf"


def main(port: int, pooling: str, key: str) -> None:
    """Serve the small model, to whoever has ``key``, until the process is ended."""
    params = xllamacpp.CommonParams()
    params.model.path = str(Path(__file__).resolve().parents[3] / _MODEL)
    params.n_ctx, params.n_parallel = 8192, 4
    # More threads than one wait for each other on a busy machine, and take a hundred times as long.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.port, params.verbosity, params.warmup, params.ui = port, 0, False, False
    params.api_keys = [key]
    params.endpoint_slots = params.endpoint_metrics = True
    params.embedding = True
    params.pooling_type = getattr(xllamacpp.llama_pooling_type, f"LLAMA_POOLING_TYPE_{pooling}")
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
