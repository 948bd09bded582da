"""The fault rig: a server that goes wrong by plan, in a process of its own, and what a call to it must come to."""
