"""The dialects that clients speak to the gateway."""
