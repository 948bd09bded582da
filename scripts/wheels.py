"""Hold what was built against the tree: ``python scripts/wheels.py FOLDER FILE...``, wheels and source archives.

People must get what stands in the repository, and nothing else: no file that git does not track, none that is missing
or changed, no ``.pth`` file (which would run code at every start of Python), no entry point that is not declared, and a
``RECORD`` that fits. The exit code is 1 if something is wrong.
"""

from __future__ import annotations

import base64
import configparser
import csv
import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from email import message_from_bytes
from pathlib import Path

from workspace import ROOT, Distribution, find, table


def tracked(member: Distribution) -> dict[str, bytes]:
    """Return the files of a distribution's folder that git tracks, by their names in it, as they are now."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=member.folder, capture_output=True, check=True)
    return {name: (member.folder / name).read_bytes() for name in done.stdout.decode().split("\0") if name}


def wrong(wheel: Path, member: Distribution, files: Mapping[str, bytes]) -> list[str]:
    """Return what is wrong with a wheel, a sentence each.

    Args:
        wheel: The file.
        member: The distribution that it is of.
        files: What stands in the distribution's folder, by name.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        inside = {name: archive.read(name) for name in names}
    stem = f"{member.package}-{member.project['version']}.dist-info/"
    wanted = {name.removeprefix("src/"): data for name, data in files.items() if name.startswith("src/")}
    found = [f"{name} is in it twice" for name in sorted({name for name in names if names.count(name) > 1})]
    found += _different({name: data for name, data in inside.items() if not name.startswith(stem)}, wanted)
    found += [f"{name} would run code at every start of Python" for name in inside if name.endswith(".pth")]
    found += _metadata(inside, member, stem, files)
    return [*found, *_record(inside, f"{stem}RECORD")]


def wrong_source(archive: Path, files: Mapping[str, bytes]) -> list[str]:
    """Return what is in a source archive and not in the tree as it is there.

    ``PKG-INFO`` is made by the build, which puts the repository's ``.gitignore`` beside it.
    """
    files = {**files, ".gitignore": (ROOT / ".gitignore").read_bytes()}
    with tarfile.open(archive) as opened:
        odd = [f"{item.name} is no plain file" for item in opened if not (item.isfile() or item.isdir())]
        inside = {
            item.name.partition("/")[2]: (opened.extractfile(item) or io.BytesIO()).read()
            for item in opened
            if item.isfile()
        }
    inside.pop("PKG-INFO", None)
    return odd + [said for said in _different(inside, files) if not said.endswith("is missing")]


def content_hash(wheel: Path) -> str:
    """Return the hash of a wheel's contents, as ``backbay doctor --json`` shows it where the wheel is installed."""
    # Backbay need not be installed where releases are built; this part of it needs no other package.
    sys.path.insert(0, str(ROOT / "core" / "src"))
    try:
        from backbay.provenance import hash_of_record
    finally:
        sys.path.pop(0)
    with zipfile.ZipFile(wheel) as archive:
        record = next(name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
        return hash_of_record(archive.read(record).decode())


def _different(inside: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> Iterator[str]:
    for name in sorted(inside.keys() | wanted.keys()):
        if name not in wanted:
            yield f"{name} is not in the tree"
        elif name not in inside:
            yield f"{name} is missing"
        elif inside[name] != wanted[name]:
            yield f"{name} is not as in the tree"


def _metadata(
    inside: Mapping[str, bytes], member: Distribution, stem: str, files: Mapping[str, bytes]
) -> Iterator[str]:
    points = table(member.project, "entry-points")
    declared = {group: dict(table(points, group)) for group in points}
    if scripts := table(member.project, "scripts"):
        declared["console_scripts"] = dict(scripts)
    listed = member.project.get("license-files")
    licences = [str(name) for name in listed] if isinstance(listed, list) else []
    wanted = {f"{stem}{name}" for name in ("METADATA", "WHEEL", "RECORD", *(f"licenses/{name}" for name in licences))}
    wanted |= {f"{stem}entry_points.txt"} if declared else set()
    present = {name for name in inside if name.startswith(stem)}
    yield from (f"{name} belongs to no wheel of ours" for name in sorted(present - wanted))
    yield from (f"{name} is missing" for name in sorted(wanted - present))
    yield from (
        f"{name} is not as in the tree" for name in licences if inside.get(f"{stem}licenses/{name}") != files.get(name)
    )
    said = message_from_bytes(inside.get(f"{stem}METADATA", b""))
    if (said["Name"], said["Version"]) != (member.name, member.project["version"]):
        yield f"it says that it is {said['Name']} {said['Version']}"
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(inside.get(f"{stem}entry_points.txt", b"").decode())
    if {group: dict(parser[group]) for group in parser.sections()} != declared:
        yield "its entry points are not those that are declared"


def _record(inside: Mapping[str, bytes], record: str) -> Iterator[str]:
    rows = {row[0]: row[1] for row in csv.reader(inside.get(record, b"").decode().splitlines()) if len(row) > 1}
    for name in sorted((inside.keys() | rows.keys()) - {record}):
        digest = base64.urlsafe_b64encode(hashlib.sha256(inside.get(name, b"")).digest()).decode().rstrip("=")
        if rows.get(name) != f"sha256={digest}" or name not in inside:
            yield f"RECORD is wrong about {name}"


def check(member: Distribution, built: Sequence[Path]) -> list[str]:
    """Return what is wrong with files that were built of a distribution, each with the file's name."""
    files = tracked(member)
    return [
        f"{path.name}: {said}"
        for path in built
        for said in (wrong(path, member, files) if path.suffix == ".whl" else wrong_source(path, files))
    ]


def main() -> int:
    """Do what the command line asks for."""
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    found = check(find(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
    print("\n".join(found) or "as in the tree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
