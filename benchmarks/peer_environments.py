"""Make an environment for each library that is compared with: ``python benchmarks/peer_environments.py FOLDER``.

What Backbay is compared with is no part of it: bounded, and not pinned. Needs the network.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

WANTED = {
    "litellm": "litellm>=1.100,<2 mcp",  # which it imports, and does not ask for
    "any-llm": "any-llm-sdk[openai]>=1.30,<2",
    "langchain-openai": "langchain-openai>=1.5,<2",
    "pydantic-ai": "pydantic-ai-slim[openai]>=2.50,<3",
}
"""Requirements, by the name that the library has in ``peers.py``."""


def main(folder: Path) -> None:
    """Make the environments, each anew."""
    for name, wanted in WANTED.items():
        place = folder / name
        venv.create(place, with_pip=True, clear=True)
        python = place / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted.split()], check=True)
        print(f"made: {place}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
