#!/usr/bin/python3 -B
"""fetch_go.py VERSION DIRECTORY: Go's own toolchain from the Go module proxy.

Debian's Go is older than the drivers allow, so the toolchain comes from where the drivers come
from. It is checked against the sum that sum.golang.org has of it ("h1:": a hash of the hashes of
the files), not against one of the zip, which a proxy may make anew. Prints the reason as the last
line where it cannot be had, with exit status 77.
"""

import base64
import hashlib
import os
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile

SUMS = {
    "1.26.8.linux-amd64": "h1:ZOmGe1OnfREDMIdb1Qi4G9JSuDPBLGExZMQ4nis1RXM=",
}
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def give_up(reason):
    """Ends this program as skipped."""
    print(reason, file=sys.stderr)
    sys.exit(77)


def proxy():
    """The first of GOPROXY's proxies."""
    for name in os.environ.get("GOPROXY", "").replace("|", ",").split(","):
        if name.startswith("http"):
            return name.rstrip("/")
    return "https://proxy.golang.org"


def download(name, path):
    """Fetches the zip of the version; SystemExit where the proxy does not give it."""
    url = f"{proxy()}/golang.org/toolchain/@v/{name}.zip"
    try:
        with urllib.request.urlopen(url, timeout=60) as reply, open(path, "wb") as file:
            shutil.copyfileobj(reply, file)
    except (urllib.error.URLError, OSError) as error:
        give_up(f"no Go that is new enough, and {url}: {error}")


def sum_of(archive):
    """The h1 sum of a module's zip, as golang.org/x/mod/sumdb/dirhash says."""
    lines = []
    for name in sorted(archive.namelist()):
        with archive.open(name) as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")
    whole = hashlib.sha256("".join(lines).encode()).digest()
    return "h1:" + base64.b64encode(whole).decode()


def unpack(archive, prefix, directory):
    """Writes the files; those that are programs may be run (the zip of a module cannot say so)."""
    for name in archive.namelist():
        path = os.path.join(directory, name.removeprefix(prefix))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with archive.open(name) as source, open(path, "wb") as file:
            shutil.copyfileobj(source, file)
        relative = name.removeprefix(prefix)
        if relative.startswith(("bin/", "pkg/tool/")):
            os.chmod(path, 0o755)


def main():
    """Fetches, checks and unpacks; the directory appears complete or not at all."""
    version, directory = sys.argv[1:]
    kind = f"{version}.linux-{MACHINES.get(os.uname().machine)}"
    if kind not in SUMS:
        give_up(f"no Go that is new enough, and no sum of Go {kind} to fetch it")
    name = f"v0.0.1-go{kind}"
    parent = os.path.dirname(os.path.abspath(directory))
    os.makedirs(parent, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix="go-") as work:
        path = os.path.join(work, "go.zip")
        download(name, path)
        with zipfile.ZipFile(path) as archive:
            found = sum_of(archive)
            if found != SUMS[kind]:
                sys.exit(f"Go {kind} has the sum {found}, not {SUMS[kind]}")
            unpack(archive, f"golang.org/toolchain@{name}/", os.path.join(work, "go"))
        os.rename(os.path.join(work, "go"), directory)


if __name__ == "__main__":
    main()
