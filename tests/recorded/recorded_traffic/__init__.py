"""Recorded vendor traffic, replayed through the public API, and compared with the corpus's facts."""
