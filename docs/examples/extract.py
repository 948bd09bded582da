"""Structured extraction: sentences go in, objects of a pydantic class come out.

Run it, with a model that needs no key, or with any other:

    pip install backbay backbay-local
    python extract.py
    python extract.py openai:gpt-5.4
"""

from __future__ import annotations

import sys

from pydantic import BaseModel, ValidationError

import backbay

SENTENCES = ["Anna is 34 years old.", "Ben is 19 years old.", "Clara is 52 years old."]


class Person(BaseModel):
    """What is to be found in a sentence."""

    name: str
    age: int


def extract(backend: backbay.SyncBackend, sentence: str) -> Person | None:
    """Return the person whom a sentence is about; ``None`` if the answer does not fit.

    The vendor is given the class's JSON Schema and keeps to it, where it can; a vendor that cannot is an
    ``UnsupportedError`` before anything is sent.
    """
    answer = backend.complete(sentence, response_format=Person, temperature=0, max_tokens=100)
    try:
        return answer.parse(Person)
    except (ValidationError, backbay.BackbayError) as error:
        print(f"{sentence!r}: {error}", file=sys.stderr)
        return None


def main(name: str) -> None:
    """Print what each sentence says."""
    with backbay.connect_sync(name) as backend:
        for sentence in SENTENCES:
            print(extract(backend, sentence))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "local:tiny")
