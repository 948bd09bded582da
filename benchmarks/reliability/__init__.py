"""How reliable this library is under faults, as figures, and beside it the official SDKs: see README.md."""
