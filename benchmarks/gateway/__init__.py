"""Benchmarks and figures of the gateway: beside bare passthroughs and LiteLLM's proxy, over time, and under attack."""
