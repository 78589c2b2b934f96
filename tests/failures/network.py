"""Networks of the test's own: a namespace for the test itself, and one for a far host behind a
pair of veth. Unnamed: the kernel removes them with the processes in them. Needs root."""

import contextlib
import ctypes
import itertools
import json
import os
import shutil
import subprocess

NEAR_ADDRESS = "10.79.0.1"
FAR_ADDRESS = "10.79.0.2"
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


def why_no_network():
    """Why namespaces cannot be used here; None if they can."""
    if os.getuid() != 0:
        return "needs root"
    for program in ("ip", "nft"):
        if shutil.which(program) is None:
            return f"needs the program {program}"
    return None


def _run(*argv, text=None):
    return subprocess.run(argv, input=text, check=True, capture_output=True, text=True).stdout


def enter_own_network():
    """Takes this thread, and all that it starts, into a network with nothing but loopback.
    False: the kernel does not allow that, or has no nftables."""
    if _libc.unshare(CLONE_NEWNET) != 0:
        return False
    _run("ip", "link", "set", "lo", "up")
    try:
        _run("nft", "add table inet count; "
                    "add chain inet count out { type filter hook output priority 0; }")
    except subprocess.CalledProcessError:
        return False
    return True


class Attempts:
    """Counts the connects to one port from now on. Each has its own source port; a SYN that is
    sent again has the same."""

    def __init__(self, port):
        self._set = f"attempts{next(_numbers)}"
        _run("nft", f"add set inet count {self._set} "
                    "{ type inet_service; flags dynamic; size 65535; }; "
                    f"add rule inet count out tcp dport {port} tcp flags & (syn|ack) == syn "
                    f"update @{self._set} {{ tcp sport }}")

    def count(self):
        """So far."""
        listed = json.loads(_run("nft", "-j", "list", "set", "inet", "count", self._set))
        for item in listed["nftables"]:
            if "set" in item:
                return len(item["set"].get("elem", []))
        return 0


class FarHost:
    """A second network with FAR_ADDRESS, in which a Postgres can be started; its cable can be
    cut: nothing that is sent arrives, and nobody says so."""

    def __init__(self):
        # It holds the namespace; its end is told by `ready`, its own by its stdin.
        self._holder = subprocess.Popen(  # pylint: disable=consider-using-with
            ["unshare", "--net", "sh", "-c", "echo ready; cat"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        self._holder.stdout.readline()
        near, far = "pglynx-near", "pglynx-far"
        pid = str(self._holder.pid)
        _run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", pid)
        _run("ip", "address", "add", f"{NEAR_ADDRESS}/30", "dev", near)
        _run("ip", "link", "set", near, "up")
        with self.inside():
            _run("ip", "link", "set", "lo", "up")
            _run("ip", "address", "add", f"{FAR_ADDRESS}/30", "dev", far)
            _run("ip", "link", "set", far, "up")
        self._near = near

    @contextlib.contextmanager
    def inside(self):
        """What this thread starts here is in the far network."""
        ours = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        theirs = os.open(f"/proc/{self._holder.pid}/ns/net", os.O_RDONLY)
        try:
            if _libc.setns(theirs, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            yield
        finally:
            _libc.setns(ours, CLONE_NEWNET)
            os.close(ours)
            os.close(theirs)

    def cut(self):
        """From now on nothing arrives, in either direction."""
        with self.inside():
            _run("nft", "add table inet cut; "
                        "add chain inet cut in { type filter hook input priority 0; }; "
                        f"add rule inet cut in ip saddr {NEAR_ADDRESS} drop; "
                        "add chain inet cut out { type filter hook output priority 0; }; "
                        f"add rule inet cut out ip daddr {NEAR_ADDRESS} drop")

    def mend(self):
        """Ends cut()."""
        with self.inside():
            _run("nft", "delete table inet cut")

    def close(self):
        """Removes the cable; the namespace ends with the last process in it."""
        _run("ip", "link", "delete", self._near)
        self._holder.kill()
        self._holder.wait()
