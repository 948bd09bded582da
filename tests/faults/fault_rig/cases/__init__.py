"""The faults, section by section of the catalogue."""
