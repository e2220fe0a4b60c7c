"""Becomes a store: takes the identity and the fate asked for, then replaces itself by the program.

A script, run in a process of its own: Python code between fork and exec of a parent with threads
may deadlock. It imports nothing of ours, so that it starts within a few hundredths of a second.

    launch.py <parent pid> <signal> <identity> <program> <argument>...

signal    number of what the program receives when its parent dies
identity  `self`; `namespace`, a user namespace in which root is an ordinary user; or a user id
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

SELF = "self"
NAMESPACE = "namespace"

_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1
# Not 0, which PostgreSQL refuses, and one that the password file names, where initdb looks it up:
# `nobody` stands in everyone's.
NOBODY = 65534


def main() -> None:
    """Never returns: it becomes the program, or exits because it could not."""
    parent, death_signal, identity, *command = sys.argv[1:]
    if identity == NAMESPACE:
        _enter_namespace()
    elif identity != SELF:
        _become(int(identity))
    # The data folder may have been there before, open to everybody.
    os.umask(0o077)
    # Last, since a change of identity would clear the wish.
    _die_with(int(parent), int(death_signal))
    # Python ignores it, and what is ignored stays so in the program.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execv(command[0], command)  # noqa: S606  # no shell is the point


def _enter_namespace() -> None:
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER) != 0:
        sys.exit(f"user namespaces are denied here: {os.strerror(ctypes.get_errno())}")
    process = Path("/proc/self")
    (process / "setgroups").write_text("deny")
    (process / "uid_map").write_text(f"{NOBODY} {user} 1")
    (process / "gid_map").write_text(f"{NOBODY} {group} 1")


def _become(user: int) -> None:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)


def _die_with(parent: int, death_signal: int) -> None:
    if sys.platform != "linux":
        # No such wish elsewhere: the next start stops what it finds, see orphans.py.
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(death_signal))
    # The parent may have died before the wish was made.
    if os.getppid() != parent:
        sys.exit("the server died while a store was starting")


if __name__ == "__main__":
    main()
