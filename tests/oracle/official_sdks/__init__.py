"""Vendors' own SDKs as a second opinion on recorded traffic: what each reads, and why it differs from Backbay."""
