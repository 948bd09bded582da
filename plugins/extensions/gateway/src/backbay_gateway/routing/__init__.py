"""Which upstreams are asked for a model, and in which order."""
