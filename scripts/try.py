"""Talk to the small model that comes with Backbay: ``python3 scripts/try.py "What can you do?"``.

Makes an environment in ``.venv`` first, if there is none. Without a prompt it is a conversation. All arguments go to
``backbay chat local:tiny``. Needs Python 3.11 and pip, and a network only for the first time.
"""

import subprocess
import sys

import environment
import workspace


def main() -> int:
    """Prepare the environment, and chat; return the exit code of the chat."""
    members = [workspace.find("core"), workspace.find("extensions/cli")]
    members += [member for member in workspace.distributions() if member.kind == "backends"]
    prepared = environment.prepare([], members)
    command = [str(prepared.python.with_name("backbay")), "chat", "local:tiny", *sys.argv[1:]]
    try:
        return subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:
        return 130  # the chat got the same signal, and has said what there is to say


if __name__ == "__main__":
    sys.exit(main())
