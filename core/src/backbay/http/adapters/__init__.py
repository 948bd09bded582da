"""Adapters of HTTP libraries to the transport seam. Nothing else in Backbay imports such a library."""
