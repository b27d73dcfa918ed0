#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coppice-heart with the key-value server: it comes back after kill -9, after it hangs, and not
after an orderly end; signals are passed on; it gives up when told to."""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("COPPICE_BUILD", "build")
HEART = os.path.join(BUILD, "coppice-heart")
KV = os.path.join(BUILD, "examples/kv")
LIMIT_S = 30
failed = []


def check(what, good):
    if not good:
        failed.append(what)
        print(f"{what}: no")


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def ping(port):
    """The number of the process that answers, or 0."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as sock:
            sock.settimeout(2)
            sock.sendall(b"INFO\r\n")
            text = sock.recv(65536).decode()
    except OSError:
        return 0
    found = re.search(r"process_id:(\d+)", text)
    return int(found.group(1)) if found else 0


def await_other(port, before):
    for _ in range(LIMIT_S * 20):
        pid = ping(port)
        if pid and pid != before:
            return pid
        time.sleep(0.05)
    return 0


def is_alive(pid):
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


def comes_back():
    port = free_port()
    log = tempfile.TemporaryFile("w+")
    heart = subprocess.Popen([HEART, "--timeout-ms", "1000", "--delay-ms", "10-100", "--", KV, "--port", str(port)],
                             stderr=log, stdout=subprocess.DEVNULL)
    try:
        first = await_other(port, 0)
        check("it starts", first)
        os.kill(first, signal.SIGKILL)
        second = await_other(port, first)
        check("it comes back after kill -9", second)
        time.sleep(1.5)
        check("one that beats is left alone", ping(port) == second)
        os.kill(second, signal.SIGSTOP)
        third = await_other(port, second)
        check("it comes back after it hung", third and not is_alive(second))
        heart.send_signal(signal.SIGTERM)
        check("SIGTERM ends both in order", heart.wait(LIMIT_S) == 0 and not is_alive(third))
        log.seek(0)
        text = log.read()
        check("it says what it saw", "signal 9" in text and "has not beaten" in text)
        check("the tree stopped in order", "SIGTERM received: stopping" in text)
    finally:
        heart.kill()
        heart.wait()


def run(*command):
    return subprocess.run([HEART, *command], stderr=subprocess.PIPE, text=True, timeout=LIMIT_S)


def ends():
    check("status 0 is the end", run("--", "/bin/true").returncode == 0)
    result = run("--delay-ms", "1-2", "--give-up", "3/60", "--", "/bin/false")
    check("it gives up", result.returncode == 1 and result.stderr.count("starting it again") == 3)
    check("a program that is none", run("--", "/no/such/program").returncode == 127)
    check("no program", run("--timeout-ms", "5").returncode == 2)
    check("a wrong option", run("--timeout-ms", "x", "--", "/bin/true").returncode == 2)
    result = run("--timeout-ms", "100", "--", "/bin/sh", "-c", "sleep 0.5")
    check("who never beats is not ended", result.returncode == 0)


comes_back()
ends()
total = 12
print(f"{total - len(failed)} passed, {len(failed)} failed")
sys.exit(1 if failed else 0)
