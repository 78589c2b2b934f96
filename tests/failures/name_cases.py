"""The server's host name: it does not exist, or the name server says nothing."""

import contextlib
import os
import socket
import subprocess
import threading
import time

from connect_cases import meet_outage
from harness import pooler_binary
from stage import (CONNECT_TIMEOUT_MS, OUTAGE_SECONDS, SLACK_MS, Askers, Row, failures,
                   make_config, worst_ms)
from wire_client import Client, format_ms

NAME = "db.pglynx.test"
NAME_SERVER = "127.0.0.53"
# In a mount namespace pglynx has files of its own in /etc.
_WRAPPER = """#!/bin/sh
exec unshare --mount --propagation private sh -c '
for name in hosts nsswitch.conf resolv.conf; do
  mount --bind {place}/$name "$(readlink -f /etc/$name)" || exit
done
exec "$0" "$@"' {binary} "$@"
"""


@contextlib.contextmanager
def names_of_its_own(place, sources):
    """The pglynx that is started here looks names up in `sources`: files (`place`/hosts), dns
    (NAME_SERVER)."""
    for name, text in [("hosts", ""), ("nsswitch.conf", f"hosts: {sources}\n"),
                       ("resolv.conf", f"nameserver {NAME_SERVER}\n"),
                       ("pglynx", _WRAPPER.format(place=place, binary=pooler_binary()))]:
        with open(f"{place}/{name}", "w", encoding="ascii") as file:
            file.write(text)
    os.chmod(f"{place}/pglynx", 0o755)
    before = os.environ.get("PGLYNX_BINARY")
    os.environ["PGLYNX_BINARY"] = f"{place}/pglynx"
    try:
        yield
    finally:
        del os.environ["PGLYNX_BINARY"]
        if before is not None:
            os.environ["PGLYNX_BINARY"] = before


class _NoConnects:
    """Without an address there is no connect: pglynx's log counts."""

    def __init__(self, pooler):
        self._log = pooler.program.log
        self._before = 0

    def attempts(self, _):
        """See Stage.attempts."""
        self._before = self._closed()
        return self

    def count(self):
        """Since attempts()."""
        return self._closed() - self._before

    def _closed(self):
        return self._log().count("server connection closed")


def unresolvable(stage):
    """No such name, and no answer."""
    private = subprocess.run(["unshare", "--mount", "--propagation", "private", "true"],
                             capture_output=True, check=False)
    if private.returncode != 0:  # a chroot that is no mount point, for one
        print("unresolvable: skipped: needs a mount namespace of its own")
        return []
    postgres = stage.postgres()
    return [_unknown(stage, postgres), _silent(stage, postgres)]


def _unknown(stage, postgres):
    row = Row("host name does not resolve")
    place = stage.space.directory
    with names_of_its_own(place, "files"):
        pooler = stage.space.pooler(make_config(postgres.port, NAME))
    stranger = Client.stranger(pooler.port)
    row.login = stranger.login.cell()
    row.expect_at_once("login", stranger.login, ["FATAL 08001"], text="cannot resolve")
    row.expect(f"{NAME}:{postgres.port}" in stranger.login.message, "no host and port")
    askers = meet_outage(row, _NoConnects(pooler), postgres.port, pooler, ["FATAL 08001"],
                         "cannot resolve")
    with open(f"{place}/hosts", "w", encoding="ascii") as hosts:  # the same inode
        hosts.write(f"127.0.0.1 {NAME}\n")
    row.expect_recovery(askers.first_success(time.monotonic()))
    askers.stop()
    pooler.close()
    return row


class NameServer:
    """Says nothing until `talks` is set; then every name is 127.0.0.1."""

    def __init__(self):
        self.talks = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((NAME_SERVER, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            query, peer = self._socket.recvfrom(512)
            if not self.talks:
                continue
            question_end = query.index(b"\0", 12) + 5
            is_a = query[question_end - 4:question_end - 2] == b"\0\1"
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton("127.0.0.1")
            header = query[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_a else b"\0\0") + bytes(4)
            reply = header + query[12:question_end] + (answer if is_a else b"")
            self._socket.sendto(reply, peer)


def _silent(stage, postgres):
    row = Row("name server does not answer")
    names = NameServer()
    with names_of_its_own(stage.space.directory, "dns"):
        pooler = stage.space.pooler(make_config(postgres.port, NAME))
    within = CONNECT_TIMEOUT_MS + SLACK_MS
    stranger = Client.stranger(pooler.port)
    row.login = stranger.login.cell()
    row.expect_error("login", stranger.login, ["FATAL 08001"], within, text=NAME)
    attempts = _NoConnects(pooler).attempts(postgres.port)
    begin = time.monotonic()
    askers = Askers(pooler.port)
    time.sleep(OUTAGE_SECONDS)
    failed = failures(askers.outcomes, begin, time.monotonic())
    row.expect(worst_ms(failed) <= within, f"an error after {format_ms(worst_ms(failed))}")
    row.expect_attempts(attempts.count(), OUTAGE_SECONDS)
    names.talks = True
    # The C library asks again every 5 s only, and holds its thread so long.
    row.expect_recovery(askers.first_success(time.monotonic()), 10000)
    askers.stop()
    return row
