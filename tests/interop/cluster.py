#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Coppice node in a cluster with real Erlang: the acceptance table of docs/spec/distribution.md.

Starts an epmd of its own, tests/interop_node and Erlang nodes, all on loopback; cluster.erl has what
is typed on the Erlang side. Without erl nothing can be tried: that fails.
"""
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import certificates  # noqa: E402
import peer as wire  # noqa: E402

BUILD = os.path.abspath(os.environ.get("COPPICE_BUILD", "build"))
HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(BUILD, "tests", "interop_node")
COOKIE = "a-cookie-of-the-tests"
LIMIT_S = 150


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Cluster:
    """Processes of one test; all end with it."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        self.port = free_port()
        self.env = dict(os.environ, ERL_EPMD_PORT=str(self.port), HOME=folder,
                        ERL_CRASH_DUMP=os.path.join(folder, "dump"))
        self.epmd = self.start_epmd()

    def start_epmd(self):
        epmd = self.start(["epmd", "-address", "127.0.0.1", "-port", str(self.port)],
                          stderr=subprocess.DEVNULL)
        self.await_epmd()
        return epmd

    def await_epmd(self):
        for _ in range(2000):
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        raise RuntimeError("epmd does not start")

    def start(self, command, **options):
        process = subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL, **options)
        self.processes.append(process)
        return process

    def coppice(self, name, *more, cookie=COOKIE):
        log = open(os.path.join(self.folder, f"{name}-{len(self.processes)}.log"), "w+")
        process = self.start([PROGRAM, "--name", f"{name}@127.0.0.1", *more,
                              *(["--cookie", cookie] if cookie else [])], stdout=log, stderr=log)
        process.log = log.name
        for _ in range(3000):
            text = open(log.name).read()
            if "ready" in text or process.poll() is not None:
                return process
            time.sleep(0.01)
        raise RuntimeError(f"{name} does not start: {text}")

    def erl_command(self, name, *arguments, cookie=COOKIE, more=()):
        return ["erl", "-noinput", "-boot", "no_dot_erlang", "-name", f"{name}@127.0.0.1",
                "-setcookie", cookie, "-kernel", "inet_dist_use_interface", "{127,0,0,1}",
                "-kernel", "logger_level", "critical", "-pa", self.folder, *more, *arguments]

    def erl(self, name, *arguments, **options):
        return subprocess.run(self.erl_command(name, *arguments, **options), env=self.env, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=LIMIT_S).stdout

    def table(self, erlang, group, coppice, more=()):
        """The tests of a group, as typed on an Erlang node: passed, failed."""
        text = self.erl(erlang, "-s", "cluster", "main", "-extra", group, f"{coppice}@127.0.0.1", more=more)
        found = re.search(r"(\d+) passed, (\d+) failed", text)
        if not found or found.group(2) != "0":
            print(f"{group} from {erlang}: {text[-3000:]}")
        return (int(found.group(1)), int(found.group(2))) if found else (0, 1)

    def eval(self, erlang, text, **options):
        return self.erl(erlang, "-eval", text + ", halt().", **options)

    def end(self):
        """Nodes of ours end in order, and no sanitizer has complained; the rest is killed."""
        problems = []
        for process in self.processes:
            if process.poll() is None and hasattr(process, "log"):
                process.terminate()
                try:
                    if process.wait(timeout=30) != 0:
                        problems.append(f"{process.log}: it ended with {process.returncode}")
                except subprocess.TimeoutExpired:
                    problems.append(f"{process.log}: it does not end")
            if process.poll() is None:
                process.kill()
            process.wait()
            if hasattr(process, "log"):
                found = re.search(r"(?s)(WARNING: \w+Sanitizer|ERROR: \w+Sanitizer|runtime error).*",
                                  open(process.log, errors="replace").read())
                if found:
                    problems.append(f"{process.log}: {found.group(0)[:6000]}")
        return problems


TESTS = []
# What a build with a sanitizer runs: all of the code that is on the way of a message.
CORE = ["acceptance_table", "hostile_peers", "patient_peer", "a_peer_that_does_not_read",
        "replaced_connections", "killed_and_restarted", "strangers", "tls"]


def test(function):
    TESTS.append(function)
    return function


def check(what, got, expected):
    if expected in got:
        return 1, 0
    print(f"{what}: expected {expected!r} in {got[-2000:]!r}")
    return 0, 1


def await_file(path):
    """Until the other side has written it, or for half a minute."""
    for _ in range(3000):
        if os.path.exists(path):
            return
        time.sleep(0.01)


def total(results):
    return tuple(map(sum, zip(*results)))


@test
def acceptance_table(cluster):
    """Rows 1 to 17, 21 and 25, with the Coppice node's name after and before Erlang's."""
    cluster.coppice("c")
    return total([cluster.table("a", group, "c") for group in ("table", "groups", "ours", "end", "zz")] +
                 [cluster.table("z", "zz", "c")])


@test
def hidden_node(cluster):
    """D-114, D-115: all but nodes() works over a hidden connection."""
    cluster.coppice("h", "--hidden")
    text = cluster.eval("a", "io:format(\"~p~p~p~p\", [net_adm:ping('h@127.0.0.1'), nodes(), "
                             "nodes(hidden), gen_server:call({counter, 'h@127.0.0.1'}, incr)])")
    return check("hidden", text, "pong[]['h@127.0.0.1']1")


@test
def short_names(cluster):
    """D-06: -sname on both sides."""
    log = open(os.path.join(cluster.folder, "short.log"), "w+")
    node = cluster.start([PROGRAM, "--sname", "s@localhost", "--cookie", COOKIE], stdout=log, stderr=log)
    node.log = log.name
    for _ in range(1000):
        if "ready" in open(log.name).read():
            break
        time.sleep(0.01)
    command = cluster.erl_command("a", "-eval", "io:format(\"~p\", [gen_server:call({counter, 's@localhost'}, "
                                                "incr)]), halt().")
    command[command.index("-name"):command.index("-name") + 2] = ["-sname", "a@localhost"]
    text = subprocess.run(command, env=cluster.env, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S).stdout
    return check("short", text, "1")


@test
def without_epmd(cluster):
    """D-23, D-25, D-26: a fixed port on our side, and an Erlang node that is told to use it for all."""
    port = free_port()
    cluster.coppice("c", "--no-epmd", "--port", str(port))
    text = cluster.eval("a", "io:format(\"~p\", [net_adm:ping('c@127.0.0.1')])",
                        more=("-start_epmd", "false", "-erl_epmd_port", str(port), "-dist_listen",
                              "false"))
    return check("no epmd", text, "pong")


@test
def builtin_epmd(cluster):
    """D-15 to D-21: where there is no epmd one of our nodes serves as one, for Erlang's nodes too: names are listed,
    found, and refused when they are taken; a second request on a registration ends it (D-16); what is no request
    closes the connection; and when that node ends, another takes over and Erlang's nodes come back to it."""
    cluster.epmd.kill()
    cluster.epmd.wait()
    first = cluster.coppice("c", "--builtin-epmd")
    cluster.coppice("d", "--builtin-epmd")
    own = ("-start_epmd", "false")
    erlang = cluster.start(cluster.erl_command("b", more=own), stdout=subprocess.DEVNULL)
    text = cluster.eval(
        "a", "timer:sleep(500), {ok, L} = erl_epmd:names({127,0,0,1}), "
             "io:format(\"~p~p\", [[net_adm:ping(N) || N <- ['b@127.0.0.1', 'c@127.0.0.1', 'd@127.0.0.1']], "
             "lists:sort([N || {N, _} <- L])])", more=own)
    results = [check("found at our epmd", text, '[pong,pong,pong]["a","b","c","d"]')]
    second = cluster.coppice("c", "--builtin-epmd")
    results.append(check("a name that is taken", str(second.wait(timeout=20)), "1"))

    def ask(request, keep=None):
        sock = keep or socket.create_connection(("127.0.0.1", cluster.port), timeout=20)
        try:
            sock.sendall(struct.pack(">H", len(request)) + request)
            return sock, sock.recv(1000)
        except ConnectionError:  # closed with something unread
            return sock, b""

    alive = bytes([120]) + struct.pack(">HBBHHH", 5555, 77, 0, 6, 6, 2) + b"xy" + struct.pack(">H", 3) + b"ext"
    held, answer = ask(alive)
    results.append(check("registered", str(answer[:2]), str(b"v\0")))
    results.append(check("not again", str(ask(alive)[1][:2]), str(b"v\1")))
    results.append(check("looked up", str(ask(b"zxy")[1]),
                         str(b"w\0" + struct.pack(">HBBHHH", 5555, 77, 0, 6, 6, 2) + b"xy\0\3ext")))
    results.append(check("not known", str(ask(b"znobody")[1]), str(b"w\1")))
    results.append(check("another word ends it", str(ask(b"n", held)[1]), "b''"))
    old = bytes([120]) + struct.pack(">HBBHHH", 5555, 77, 0, 5, 5, 2) + b"xy" + struct.pack(">H", 0)
    results.append(check("an old node", str(ask(old)[1][:2] + ask(b"zxy")[1][:1]), str(b"y\0w")))
    for request in (b"", b"z", b"n2", b"k", b"s" + b"x" * 500, b"x" * 60000, alive[:-1], alive + b"!",
                    bytes([120]) + b"\0" * 12):
        results.append(check(f"no request: {request[:20]}", str(ask(request)[1]), "b''"))
    results.append(check("a name that is too long", str(ask(
        bytes([120]) + struct.pack(">HBBHHH", 1, 77, 0, 6, 6, 256) + b"x" * 256 + b"\0\0")[1][:2]), str(b"v\1")))
    first.kill()
    first.wait()
    del first.log
    cluster.await_epmd()
    text = cluster.eval(
        "a", "F = fun F(0) -> never; F(N) -> case catch erl_epmd:names({127,0,0,1}) of {ok, L} when length(L) > 2 -> "
             "lists:sort([X || {X, _} <- L]); _ -> timer:sleep(200), F(N - 1) end end, io:format(\"~p\", [F(100)])",
        more=own)
    results.append(check("another takes over", text, '["a","b","d"]'))
    del erlang
    return total(results)


@test
def wrong_cookie(cluster):
    """D-32: refused cleanly on both sides, logged once, quickly."""
    node = cluster.coppice("c")
    began = time.monotonic()
    text = cluster.eval("a", "io:format(\"~p\", [net_adm:ping('c@127.0.0.1')])", cookie="another")
    took = time.monotonic() - began
    log = open(node.log).read()
    return total([check("wrong cookie", text, "pang"),
                  check("wrong cookie is logged", log, "node a@127.0.0.1 at 127.0.0.1"),
                  check("it is quick", str(took < 20), "True")])


@test
def name_in_use(cluster):
    """D-17: the second of a name does not start."""
    cluster.coppice("c")
    second = cluster.coppice("c")
    code = second.wait(timeout=20)
    return check("name in use", f"{code} {open(second.log).read()}", "already_started")


@test
def killed_and_restarted(cluster):
    """Row 19, D-08, D-12: kill -9, the same name again: old pids stay dead."""
    node = cluster.coppice("c")
    marker = os.path.join(cluster.folder, "phase")
    script = (
        "N = 'c@127.0.0.1', pong = net_adm:ping(N), P = rpc:call(N, erlang, whereis, [counter]), "
        "R = monitor(process, P), monitor_node(N, true), ok = file:write_file(\"" + marker + "\", \"1\"), "
        "A = receive {'DOWN', R, process, P, X} -> X after 20000 -> nothing end, "
        "B = receive {nodedown, N} -> nodedown after 20000 -> nothing end, "
        "Up = fun F(0) -> never; F(I) -> case net_adm:ping(N) of pong -> up; pang -> timer:sleep(50), F(I - 1) end end, "
        "C = Up(400), R2 = monitor(process, P), "
        "D = receive {'DOWN', R2, process, P, Y} -> Y after 20000 -> nothing end, "
        # a node can be connected to before its tree has started
        "There = fun G() -> case rpc:call(N, erlang, whereis, [counter]) of Q when is_pid(Q) -> Q; "
        "_ -> timer:sleep(20), G() end end, There(), "
        "E = gen_server:call({counter, N}, incr), io:format(\"~p\", [{A, B, C, D, E}])")
    erl = cluster.start(cluster.erl_command("a", "-eval", script + ", halt()."), text=True,
                        stdout=subprocess.PIPE)
    await_file(marker)
    node.send_signal(signal.SIGKILL)
    node.wait()
    cluster.coppice("c")
    text = erl.communicate(timeout=LIMIT_S)[0]
    return check("killed", text, "{noconnection,nodedown,up,noproc,1}")


@test
def ticks(cluster):
    """Row 18, D-138, D-139: idle for many tick times; then a stopped node is noticed."""
    node = cluster.coppice("c", "--ticktime", "1000")
    marker = os.path.join(cluster.folder, "idle")
    script = ("N = 'c@127.0.0.1', pong = net_adm:ping(N), net_kernel:monitor_nodes(true, "
              "[nodedown_reason]), A = receive X -> X after 4000 -> still end, "
              "ok = file:write_file(\"" + marker + "\", \"1\"), "
              "B = receive {nodedown, N, I} -> I after 8000 -> nothing end, io:format(\"~p\", [{A, B}])")
    erl = cluster.start(
        cluster.erl_command("a", "-eval", script + ", halt().", more=("-kernel", "net_ticktime", "1")),
        text=True, stdout=subprocess.PIPE)
    await_file(marker)
    node.send_signal(signal.SIGSTOP)
    text = erl.communicate(timeout=LIMIT_S)[0]
    node.send_signal(signal.SIGCONT)
    return check("ticks", text, "{still,[{nodedown_reason,net_tick_timeout}]}")


@test
def two_of_ours(cluster):
    """Row 26, D-02, D-84: two Coppice nodes and Erlang, all connected; calls go from one Coppice node to the other."""
    cluster.coppice("c")
    cluster.coppice("d", "--connect", "c@127.0.0.1")
    text = cluster.eval(
        "a", "C = 'c@127.0.0.1', D = 'd@127.0.0.1', "
             "A1 = rpc:call(C, demo, call, [{counter, D}, incr]), "
             "A2 = rpc:call(D, demo, call, [{echo, C}, {from, d}]), "
             "A3 = rpc:call(C, demo, erpc, [D, demo, add, [1, 2]]), "
             "A4 = rpc:call(C, demo, call, [{nosuch, D}, x]), "
             "A5 = length(rpc:call(C, demo, members, [workers])), "
             "A6 = rpc:call(C, demo, get_state, [{counter, D}]), "
             "io:format(\"~p\", [{A1, A2, A3, element(1, A4), A5, A6}])")
    return check("two of ours", text, "{1,{from,d},3,badrpc,6,#{count => 1}}")


@test
def bounded_mailbox(cluster):
    """Calls of Erlang (also: OVL-13, OVL-14) to a full mailbox exit with overload at once, whether the server is called by
    pid or by name; what was given up is not handled; and no monitor is left."""
    cluster.coppice("c")
    text = cluster.eval(
        "a", "N = 'c@127.0.0.1', P = erpc:call(N, demo, narrow, []), Me = self(), "
             "Call = fun(S, T) -> spawn(fun() -> Me ! {got, try gen_server:call(S, x, T) catch exit:{R, {gen_server, call, _}} -> R end} end) end, "
             "Call(P, 9000), timer:sleep(100), Call(P, 100), timer:sleep(50), Call(P, 9000), Call({narrow, N}, 9000), "
             "Get = fun() -> receive {got, R} -> R after 9000 -> nothing end end, "
             "First = [Get(), Get(), Get(), Get()], timer:sleep(300), "
             "Last = gen_server:call(P, x), {monitored_by, W} = rpc:call(N, erlang, process_info, [P, monitored_by]), "
             "io:format(\"~p\", [{First, Last, W}])")
    return check("bounded mailbox", text, "{[overload,overload,timeout,1],2,[]}")


@test
def global_bystander(cluster):
    """Row 20, D-45, D-116, D-117, D-118, D-120: names and locks of three Erlang nodes, with us connected."""
    cluster.coppice("c")
    others = [cluster.start(cluster.erl_command(name), stdout=subprocess.DEVNULL) for name in ("b", "e")]
    time.sleep(0.2)
    text = cluster.eval(
        "a", "Ping = fun F(N, 0) -> pang; F(N, I) -> case net_adm:ping(N) of pong -> pong; _ -> "
             "timer:sleep(50), F(N, I - 1) end end, "
             "[pong = Ping(N, 200) || N <- ['c@127.0.0.1', 'b@127.0.0.1', 'e@127.0.0.1']], "
             "S = global:sync(), R = global:register_name(me, self()), "
             "T = global:trans({x, self()}, fun() -> done end), "
             "W = rpc:call('b@127.0.0.1', global, whereis_name, [me]) =:= self(), "
             "erlang:disconnect_node('c@127.0.0.1'), timer:sleep(300), "
             "io:format(\"~p\", [{S, R, T, W, lists:sort(nodes())}])")
    del others
    return check("global", text, "{ok,yes,done,true,['b@127.0.0.1','e@127.0.0.1']}")


def port_of(node):
    return int(re.search(r"ready (\d+)", open(node.log).read()).group(1))


@test
def strangers(cluster):
    """D-29, D-33, D-146: what comes before the digest is bounded, and makes no atom."""
    node = cluster.coppice("c")
    port = port_of(node)
    results = []
    for what, data in (("garbage", b"GET / HTTP/1.1\r\n\r\n" * 100), ("nothing", b""),
                       ("too long", b"\x04\x01N" + b"x" * 1025), ("empty", b"\0\0"),
                       ("an old one", b"\0\x07n\0\5\0\0\0\0"),
                       ("no name", b"\0\x0fN" + b"\xff" * 8 + b"\0\0\0\1\0\0")):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            try:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
                text = sock.recv(100)
            except OSError:
                text = b""
            results.append(check(what, repr(text), "not_allowed" if what == "no name" else "b''"))
    many = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(64)]
    time.sleep(0.3)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        try:
            results.append(check("one too many", repr(sock.recv(10)), "b''"))
        except ConnectionResetError:
            results.append((1, 0))
    for sock in many:
        sock.close()
    for _ in range(100):
        if "pong" in cluster.eval("a", "io:format(\"~p\", [net_adm:ping('c@127.0.0.1')])"):
            return total(results + [(1, 0)])
        time.sleep(0.1)
    return total(results + [(0, 1)])


HOSTILE = {
    "an unknown opcode": wire.tuple_of(wire.small(99), wire.small(1)),
    "the old UNLINK (D-63)": wire.tuple_of(wire.small(4), wire.pid("x@127.0.0.1"), wire.pid("c@127.0.0.1")),
    "a control term that is no tuple": wire.small(1),
    "a link from a third node (D-65)": wire.tuple_of(wire.small(1), wire.pid("third@127.0.0.1"),
                                                     wire.pid("c@127.0.0.1")),
    "a send without its payload (D-50)": wire.tuple_of(wire.small(22), wire.pid("x@127.0.0.1"),
                                                       wire.pid("c@127.0.0.1")),
    "an atom of a cache that is not there": wire.tuple_of(wire.small(6), b"R\0", wire.atom(""), wire.atom("echo")),
    "a compressed payload (D-156)": wire.tuple_of(
        wire.small(6), wire.pid("x@127.0.0.1"), wire.atom(""), wire.atom("echo")) + b"\x50\0\0\0\1x",
    "a version byte inside (D-49)": wire.tuple_of(
        wire.small(6), wire.pid("x@127.0.0.1"), wire.atom(""), wire.atom("echo")) + b"\x83a\1",
    "a reference of six words (D-10)": wire.tuple_of(
        wire.small(19), wire.pid("x@127.0.0.1"), wire.atom("echo"), wire.reference("x@127.0.0.1", range(6))),
    "not a number (D-94)": wire.tuple_of(
        wire.small(6), wire.pid("x@127.0.0.1"), wire.atom(""), wire.atom("echo")) + b"F\x7f\xf8" + b"\0" * 6,
    "a huge tuple announced (D-149)": wire.tuple_of(
        wire.small(6), wire.pid("x@127.0.0.1"), wire.atom(""), wire.atom("echo")) + b"i\xff\xff\xff\xff",
    "a monitor without a reference": wire.tuple_of(wire.small(19), wire.pid("x@127.0.0.1"), wire.atom("echo"),
                                                   wire.small(1)),
    "a spawn of what is no list": wire.tuple_of(
        wire.small(29), wire.reference("x@127.0.0.1", [1]), wire.pid("x@127.0.0.1"), wire.pid("x@127.0.0.1"),
        wire.tuple_of(wire.atom("demo"), wire.atom("loop"), wire.small(0)), b"j") + wire.small(1),
}


@test
def hostile_peers(cluster):
    """D-49, D-50, D-58, D-63, D-65, D-96, D-147, D-156: a breach closes that connection, and the node goes on."""
    node = cluster.coppice("c")
    port = port_of(node)
    results = []
    for what, control in HOSTILE.items():
        peer = wire.Peer(port, "x@127.0.0.1", COOKIE)
        peer.message(control)
        results.append(check(what, str(peer.is_closed()), "True"))
        peer.close()
    for what, data in (("a frame of 4 GB", b"\xff\xff\xff\xff"),
                       ("a frame of the other format", b"\0\0\0\4p\x83a\1"),
                       ("a fragment without its beginning", b"\0\0\0\x13\x83F" + b"\0" * 15 + b"\1x")):
        peer = wire.Peer(port, "x@127.0.0.1", COOKIE)
        peer.socket.sendall(data)
        results.append(check(what, str(peer.is_closed()), "True"))
        peer.close()
    log = open(node.log).read()
    results.append(check("it says what", log, "node x@127.0.0.1 broke the protocol: a control message of no known form"))
    text = cluster.eval("a", "io:format(\"~p\", [gen_server:call({echo, 'c@127.0.0.1'}, hello)])")
    return total(results + [check("the node goes on", text, "hello")])


@test
def patient_peer(cluster):
    """What must not close a connection: D-48, D-50, D-61, D-66, D-67, D-68, D-69, D-70, D-95."""
    node = cluster.coppice("c")
    me, us = "x@127.0.0.1", "c@127.0.0.1"
    peer = wire.Peer(port_of(node), me, COOKIE)
    mine = wire.pid(me)
    old, gone = wire.pid(us, 1, 1, 99), wire.pid(us, 100, 77, peer.creation)
    ref = wire.reference(me, [1, 2, 3, 4, 5])
    peer.socket.sendall(b"\0\0\0\0" * 3)  # ticks
    for to in (old, gone):
        peer.message(wire.tuple_of(wire.small(22), mine, to), wire.small(1))
        peer.message(wire.tuple_of(wire.small(26), mine, to), wire.small(1))
        peer.message(wire.tuple_of(wire.small(20), mine, to, ref))
        peer.message(wire.tuple_of(wire.small(36), wire.small(1), mine, to))
        peer.message(wire.tuple_of(wire.small(28), mine, to, ref), wire.small(1))
    peer.message(wire.tuple_of(wire.small(6), mine, wire.atom("old cookie"), wire.atom("nobody")),
                 wire.small(1) + b"stray bytes")
    peer.message(wire.tuple_of(wire.small(16), mine, wire.atom(""), wire.atom("nobody"), wire.small(5)),
                 wire.small(1))
    results = []
    for to, number in ((old, 1), (gone, 2)):  # D-66, D-67: answered with noproc
        peer.message(wire.tuple_of(wire.small(1), mine, to))
        results.append(check(f"link {number}", str(peer.next_signal() == wire.tuple_of(
            wire.small(24), to, mine) + wire.atom("noproc")), "True"))
        peer.message(wire.tuple_of(wire.small(19), mine, to, ref))
        results.append(check(f"monitor {number}", str(peer.next_signal() == wire.tuple_of(
            wire.small(28), to, mine, ref) + wire.atom("noproc")), "True"))
    peer.message(wire.tuple_of(wire.small(19), mine, wire.atom("nobody"), ref))
    results.append(check("monitor by name", str(peer.next_signal() == wire.tuple_of(
        wire.small(28), wire.atom("nobody"), mine, ref) + wire.atom("noproc")), "True"))
    # OTP 28 and later: one opcode for all (D-64); a call whose tag has the second form (D-98)
    call = wire.tuple_of(wire.atom("$gen_call"), wire.tuple_of(
        mine, b"l\0\0\0\1" + b"l\0\0\0\1" + wire.atom("alias") + ref + b"j"), wire.small(42))
    peer.message(wire.tuple_of(wire.small(37), wire.small(8), mine, wire.atom("echo")), call)
    answer = peer.next_signal()
    results.append(check("reply to the alias", str(
        answer.startswith(wire.tuple_of(wire.small(33))[:1]) and ref in answer and
        answer[3] == 33 and answer.endswith(wire.small(42))), "True"))
    # a peer with little more than the mandatory flags: frames of the other format (D-49)
    old_peer = wire.Peer(port_of(node), "old@127.0.0.1", COOKIE, flags=0x403070f94 | 0x28)
    old_peer.frame(b"p\x83" + wire.tuple_of(wire.small(6), wire.pid("old@127.0.0.1"), wire.atom(""),
                                            wire.atom("echo")) + b"\x83" + wire.tuple_of(
        wire.atom("$gen_call"), wire.tuple_of(wire.pid("old@127.0.0.1"), wire.small(9)), wire.small(43)))
    frame = old_peer.next_frame()
    results.append(check("old format", repr(frame), "p\\x83h\\x03a\\x02"))
    results.append(check("old reply", str(frame.endswith(b"\x83" + wire.tuple_of(
        wire.small(9), wire.small(43)))), "True"))
    peer.close()
    old_peer.close()
    return total(results)


@test
def ends_in_order(cluster):
    """D-163: the name is free again, and who was connected hears of it; D-21: without an epmd one is
    started, which outlives the node."""
    cluster.epmd.kill()
    cluster.epmd.wait()
    node = cluster.coppice("c")
    try:
        marker = os.path.join(cluster.folder, "up")
        script = ("N = 'c@127.0.0.1', pong = net_adm:ping(N), monitor_node(N, true), "
                  "ok = file:write_file(\"" + marker + "\", \"1\"), "
                  "A = receive {nodedown, N} -> down after 20000 -> nothing end, "
                  "{ok, Names} = erl_epmd:names(), io:format(\"~p\", [{A, proplists:is_defined(\"c\", Names)}])")
        erl = cluster.start(cluster.erl_command("a", "-eval", script + ", halt()."), text=True,
                            stdout=subprocess.PIPE)
        await_file(marker)
        node.terminate()
        return check("ended", erl.communicate(timeout=LIMIT_S)[0], "{down,false}")
    finally:
        node.wait()
        subprocess.run(["epmd", "-port", str(cluster.port), "-kill"], stdout=subprocess.DEVNULL, check=False)


@test
def routes(cluster):
    """D-24: two nodes that find each other without any epmd."""
    port = free_port()
    cluster.coppice("d", "--no-epmd", "--port", str(port))
    cluster.coppice("c", "--no-epmd", "--route", f"d@127.0.0.1:{port}", "--connect", "d@127.0.0.1")
    text = cluster.eval("a", "io:format(\"~p\", [rpc:call('d@127.0.0.1', erlang, nodes, [])])",
                        more=("-start_epmd", "false", "-erl_epmd_port", str(port), "-dist_listen", "false"))
    return check("routes", text, "c@127.0.0.1")


@test
def connects_to_all(cluster):
    """D-119: to whom a peer's global knows; D-113: what is logged for us is."""
    node = cluster.coppice("c", "--connect-all")
    other = cluster.start(cluster.erl_command("b"), stdout=subprocess.DEVNULL)
    text = cluster.eval(
        "a", "Ping = fun F(N, 0) -> pang; F(N, I) -> case net_adm:ping(N) of pong -> pong; _ -> "
             "timer:sleep(50), F(N, I - 1) end end, pong = Ping('b@127.0.0.1', 200), global:sync(), "
             "C = 'c@127.0.0.1', pong = Ping(C, 200), "
             "Sees = fun F(0) -> false; F(I) -> lists:member('b@127.0.0.1', rpc:call(C, erlang, nodes, [])) "
             "orelse begin timer:sleep(20), F(I - 1) end end, "
             "{logger_proxy, C} ! {log, error, \"said ~p~n\", [from_afar], #{}}, "
             "{logger_proxy, C} ! {log, error, #{report => from_afar}, #{}}, io:format(\"~p\", [Sees(200)])")
    del other
    return total([check("connected", text, "true"), check("logged", open(node.log).read(), "said from_afar")])


@test
def example(cluster):
    """examples/cluster: an Elixir supervisor whose children are written in C."""
    log = open(os.path.join(cluster.folder, "example.log"), "w+")
    worker = cluster.start([os.path.join(BUILD, "examples", "cluster"), "w@127.0.0.1", COOKIE],
                           stdout=log, stderr=log)
    worker.log = log.name
    text = subprocess.run(
        ["elixir", "--name", "b@127.0.0.1", "--cookie", COOKIE, "--erl",
         "-kernel inet_dist_use_interface {127,0,0,1} -kernel logger_level critical",
         os.path.join(HERE, "..", "..", "examples", "cluster", "board.exs"), "w@127.0.0.1"],
        env=cluster.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=LIMIT_S).stdout
    expected = """prices: [{1, 100}, {2, 200}, {3, 300}]
raised: [{1, 105}, {2, 205}, {3, 305}]
children: 3
workers that answer: 3
state of one: [:number, :price]"""
    return check("example", text, expected)


@test
def guessing(cluster):
    """D-32, R17: who shows ten wrong cookies in a second is not listened to for a while."""
    node = cluster.coppice("c")
    refused = closed = 0
    for _ in range(30):
        try:
            wire.Peer(port_of(node), "x@127.0.0.1", "wrong")
        except wire.Refused as reason:
            refused += 1
            closed += str(reason) == "closed"
        except OSError:
            closed += 1
    logged = open(node.log).read().count("has another cookie")
    time.sleep(1.1)
    peer = wire.Peer(port_of(node), "x@127.0.0.1", COOKIE)
    peer.close()
    return total([check("all refused", str(refused + closed >= 30), "True"),
                  check("not all are listened to", str(10 <= logged < 20), "True")])


@test
def killed_again_and_again(cluster):
    """R14: kill -9 under a monitor and a link, twenty times: each noconnection exactly once."""
    marker = os.path.join(cluster.folder, "cycle")
    script = (
        "N = 'c@127.0.0.1', process_flag(trap_exit, true), "
        "Up = fun F() -> case net_adm:ping(N) of pong -> ok; pang -> timer:sleep(20), F() end end, "
        "Cycle = fun(I) -> Up(), P = rpc:call(N, erlang, whereis, [echo]), R = monitor(process, P), link(P), "
        "P = gen_server:call({echo, N}, P), ok = file:write_file(\"" + marker + "\" ++ integer_to_list(I), \"\"), "
        "D = receive {'DOWN', R, process, P, noconnection} -> ok after 20000 -> no_down end, "
        "E = receive {'EXIT', P, noconnection} -> ok after 20000 -> no_exit end, "
        "X = receive Other -> Other after 20 -> nothing end, {D, E, X} end, "
        "io:format(\"~p\", [lists:usort([Cycle(I) || I <- lists:seq(1, 20)])])")
    erl = cluster.start(cluster.erl_command("a", "-eval", script + ", halt()."), text=True,
                        stdout=subprocess.PIPE)
    for cycle in range(1, 21):
        node = cluster.coppice("c")
        await_file(marker + str(cycle))
        node.kill()
        node.wait()
    return check("each once", erl.communicate(timeout=LIMIT_S)[0], "[{ok,ok,nothing}]")


@test
def peers_that_come_and_go(cluster):
    """R14, D-83: nothing is left of two hundred connections with ties over them."""
    node = cluster.coppice("c")
    port = port_of(node)

    def cycles(count):
        for _ in range(count):
            peer = wire.Peer(port, "x@127.0.0.1", COOKIE, replace=True)
            me = wire.pid("x@127.0.0.1")
            for number in range(20):
                peer.message(wire.tuple_of(wire.small(19), me, wire.atom("echo"),
                                           wire.reference("x@127.0.0.1", [number, 1, 2, 3, 4])))
            peer.spawn("demo", "watch", [wire.pid("x@127.0.0.1"), b"j", b"j"])
            peer.close()

    ask = ("N = 'c@127.0.0.1', io:format(\"~p\", [{rpc:call(N, erlang, memory, [total]), rpc:call(N, "
           "erlang, process_info, [rpc:call(N, erlang, whereis, [echo]), monitored_by])}])")
    cycles(50)
    before = cluster.eval("a", ask)
    cycles(150)
    after = cluster.eval("a", ask)
    first, second = (int(re.search(r"\d+", text).group(0)) for text in (before, after))
    return total([check("no monitors", after, "{monitored_by,[]}"),
                  check(f"memory {first} {second}", str(second - first < 2 << 20), "True")])


@test
def cookie_files(cluster):
    """D-13, D-14: a file that others may read is refused; its newline is no part of the cookie."""
    path = os.path.join(cluster.folder, ".erlang.cookie")
    with open(path, "w") as file:
        file.write("from-a-file\n")
    os.chmod(path, 0o644)
    node = cluster.coppice("c", cookie=None)
    results = [check("refused", f"{node.wait(timeout=20)} {open(node.log).read()}", "others than its owner")]
    os.chmod(path, 0o400)
    cluster.coppice("c", cookie=None)
    text = cluster.eval("a", "io:format(\"~p\", [net_adm:ping('c@127.0.0.1')])", cookie="from-a-file")
    return total(results + [check("taken", text, "pong")])


@test
def epmd_goes_away(cluster):
    """D-07, D-15, D-16, D-18, D-19, D-20: the node goes on, registers again, and keeps its creation."""
    cluster.coppice("c")
    ask = ("io:format(\"~p\", [rpc:call('c@127.0.0.1', erlang, system_info, [creation])])")
    before = cluster.eval("a", ask)
    cluster.epmd.kill()
    cluster.epmd.wait()
    cluster.epmd = cluster.start_epmd()
    for _ in range(100):
        after = cluster.eval("b", ask)
        if "badrpc" not in after:
            break
        time.sleep(0.1)
    return check("creation", after, before)


@test
def short_and_long_names(cluster):
    """D-06: they never meet, and it is said why."""
    node = cluster.coppice("c", "--connect", "d@shorthost")
    return check("said", open(node.log).read(), "d@shorthost is a short name, and this node has a long one")


@test
def who_may_connect(cluster):
    """D-38, D-46, D-145: not_allowed, for who is not on the list and for who has no name."""
    node = cluster.coppice("c", "--allow", "x@127.0.0.1")
    results = []
    for name, flags in (("y@127.0.0.1", wire.FLAGS), ("127.0.0.1", wire.FLAGS | 1 << 33),
                        ("x@127.0.0.1", wire.FLAGS & ~(1 << 34)), ("c@127.0.0.1", wire.FLAGS)):
        try:
            wire.Peer(port_of(node), name, COOKIE, flags=flags)
            results.append(check(name, "connected", "not_allowed"))
        except wire.Refused as refused:
            results.append(check(name, str(refused), "not_allowed"))
    # D-43: bits that nobody knows yet are no reason
    peer = wire.Peer(port_of(node), "x@127.0.0.1", COOKIE, flags=wire.FLAGS | 1 << 60)
    results.append(check("flags (D-39)", hex(peer.flags), "0x2d07df7fbd"))
    results.append(check("name (D-34)", peer.peer, "c@127.0.0.1"))
    peer.close()
    return total(results)


@test
def a_peer_that_does_not_read(cluster):
    """D-141, D-142: who sends to it waits, in bounded memory, and others are served meanwhile."""
    node = cluster.coppice("c")
    peer = wire.Peer(port_of(node), "x@127.0.0.1", COOKIE)
    peer.spawn("demo", "flood", [wire.pid("x@127.0.0.1"), wire.integer(30000), wire.integer(4000)])
    ask = ("timer:sleep(300), #{queued := Q} = rpc:call('c@127.0.0.1', demo, node_info, ['x@127.0.0.1']), "
           "P = rpc:call('c@127.0.0.1', erlang, whereis, [flooder]), "
           "io:format(\"~p\", [{Q > 500000, Q < 1200000, is_pid(P), "
           "gen_server:call({counter, 'c@127.0.0.1'}, incr)}])")
    results = [check("bounded", cluster.eval("a", ask), "{true,true,true,1}")]
    count = 0
    while count < 4000:
        frame = peer.next_frame()
        count += frame[5:7] == wire.small(22)
    results.append(check("all arrive in the end", str(count), "4000"))
    peer.close()
    return total(results)


@test
def replaced_connections(cluster):
    """D-37, D-44: a node that comes again takes the place of its old connection."""
    node = cluster.coppice("c")
    first = wire.Peer(port_of(node), "x@127.0.0.1", COOKIE)
    first.spawn("demo", "watch", [wire.pid("x@127.0.0.1"), b"j", b"j"])
    second = socket.create_connection(("127.0.0.1", port_of(node)), timeout=10)
    name = b"x@127.0.0.1"
    body = b"N" + struct.pack(">QIH", wire.FLAGS, 2, len(name)) + name
    second.sendall(struct.pack(">H", len(body)) + body)
    results = [check("alive", repr(second.recv(100)), "salive")]
    second.sendall(struct.pack(">H", 6) + b"sfalse")
    results.append(check("false closes it", repr(second.recv(100)), "b''"))
    second.close()
    first.message(wire.tuple_of(wire.small(1), wire.pid("x@127.0.0.1"), wire.pid("c@127.0.0.1", 9999, 1)))
    results.append(check("the old one stays", str(len(first.next_signal()) > 0), "True"))
    third = wire.Peer(port_of(node), "x@127.0.0.1", COOKIE, creation=3, replace=True)
    results.append(check("the old one is closed", str(first.is_closed()), "True"))
    third.message(wire.tuple_of(wire.small(1), wire.pid("x@127.0.0.1", creation=3),
                                wire.pid("c@127.0.0.1", 9999, 1)))
    results.append(check("the new one is up", str(len(third.next_signal()) > 0), "True"))
    third.close()
    return total(results)


def over_tls(folder):
    """The arguments of an Erlang node."""
    return ("-proto_dist", "inet_tls", "-ssl_dist_optfile", os.path.join(folder, "dist.conf"))


def has_tls():
    return "built without" not in subprocess.run(
        [PROGRAM, "--tls", "."], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE).stderr


@test
def isolated(cluster):
    """The table again (also: ISO-23), with counter and echo in operating-system processes of their own."""
    cluster.coppice("c", "--isolated")
    results = [cluster.table("a", group, "c") for group in (("table",) if is_sanitized() else ("table", "groups", "ours", "zz"))]
    return total(results)


@test
def tls(cluster):
    """D-132, D-133, D-134, D-136: the table over TLS, certificates verified both ways."""
    if not has_tls():
        print("tls: skipped, the module coppice-tls is not built")
        return 0, 0
    ca = certificates.authority(os.path.join(cluster.folder, "ca"))
    ours = certificates.node(ca, os.path.join(cluster.folder, "ours"))
    theirs = certificates.node(ca, os.path.join(cluster.folder, "theirs"))
    cluster.coppice("c", "--tls", ours)
    results = [cluster.table("a", group, "c", more=over_tls(theirs))
               for group in (("table",) if is_sanitized() else ("table", "groups", "ours", "end", "zz"))]
    results.append(cluster.table("z", "zz", "c", more=over_tls(theirs)))
    for version in ("tlsv1.2", "tlsv1.3"):
        only = certificates.node(ca, os.path.join(cluster.folder, version))
        path = os.path.join(only, "dist.conf")
        text = open(path).read().replace("{verify,", f"{{versions, ['{version}']}}, {{verify,")
        with open(path, "w") as file:
            file.write(text)
        text = cluster.eval("v", "io:format(\"~p\", [net_adm:ping('c@127.0.0.1')])", more=over_tls(only))
        results.append(check(version, text, "pong"))
    # both write more than any buffer holds, at the same time
    text = cluster.eval("b", "B = binary:copy(<<7>>, 8000000), N = 'c@127.0.0.1', "
                             "R = [gen_server:send_request({echo, N}, {I, B}) || I <- lists:seq(1, 8)], "
                             "io:format(\"~p\", [[element(1, element(2, gen_server:receive_response(X, 60000)))"
                             " || X <- R]])", more=over_tls(theirs))
    results.append(check("much both ways", text, "[1,2,3,4,5,6,7,8]"))
    cluster.coppice("d", "--tls", theirs, "--connect", "c@127.0.0.1")
    text = cluster.eval("e", "io:format(\"~p\", [erpc:call('d@127.0.0.1', demo, call, [{counter, "
                             "'c@127.0.0.1'}, {add, 0}])])", more=over_tls(theirs))
    results.append(check("two of ours", text, re.search(r"\d+", text).group(0) if re.search(r"\d+", text) else "a number"))
    return total(results)


@test
def tls_refusals(cluster):
    """D-135, D-137, row 23: who has no certificate, one of another authority or of another host, or no TLS."""
    if not has_tls():
        return 0, 0
    ca = certificates.authority(os.path.join(cluster.folder, "ca"))
    ours = certificates.node(ca, os.path.join(cluster.folder, "ours"))
    other_ca = certificates.authority(os.path.join(cluster.folder, "other-ca"))
    stranger = certificates.node(other_ca, os.path.join(cluster.folder, "stranger"))
    elsewhere = certificates.node(ca, os.path.join(cluster.folder, "elsewhere"), "DNS:elsewhere.example")
    node = cluster.coppice("c", "--tls", ours)
    ping = "io:format(\"~p\", [net_adm:ping('c@127.0.0.1')])"
    began = time.monotonic()
    results = [check("no TLS", cluster.eval("a", ping), "pang"),
               check("another authority", cluster.eval("a", ping, more=over_tls(stranger)), "pang")]
    took = time.monotonic() - began
    results.append(check("it takes", "not long" if took < 20 else f"{took:.0f} s", "not long"))
    nobody = certificates.node(ca, os.path.join(cluster.folder, "nobody"))
    with open(os.path.join(nobody, "dist.conf"), "w") as file:
        file.write("[{client, [{verify, verify_none}]}].")
    results.append(check("no certificate", cluster.eval("a", ping, more=over_tls(nobody)), "pang"))
    results.append(check("the cookie too", cluster.eval("a", ping, cookie="wrong", more=over_tls(ours)), "pang"))
    # we connect to one whose certificate names another host, and to one of another authority
    for name, folder in (("f", elsewhere), ("g", stranger)):
        cluster.coppice(name, "--tls", folder)
        asker = cluster.coppice(f"asker{name}", "--tls", ours, "--connect", f"{name}@127.0.0.1")
        results.append(check(f"the certificate of {name}", open(asker.log).read(), "is refused"))
    results.append(check("who is right comes in", cluster.eval("a", ping, more=over_tls(ours)), "pong"))
    results.append(check("said once for each", str(open(node.log).read().count("TLS")), "3"))
    missing = cluster.coppice("x", "--tls", cluster.folder)
    results.append(check("no files", open(missing.log).read(), "needs certificate_file"))
    cluster.processes.remove(missing)
    missing.wait(timeout=30)
    return total(results)


def is_sanitized():
    with open(os.path.join(BUILD, "meson-info", "intro-buildoptions.json"), encoding="utf-8") as file:
        return any(option["name"] == "b_sanitize" and option["value"] != "none"
                   for option in json.load(file))


def main():
    passed = failed = 0
    wanted = sys.argv[1:] or (CORE if is_sanitized() else [])
    for function in TESTS:
        if wanted and function.__name__ not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["erlc", "-o", folder, os.path.join(HERE, "cluster.erl")], check=True,
                           stdout=subprocess.DEVNULL)
            cluster = Cluster(folder)
            try:
                good, bad = function(cluster)
                if bad:
                    for process in cluster.processes:
                        if hasattr(process, "log"):
                            print(f"--- {process.log}\n{open(process.log).read()[-2000:]}")
            except Exception as error:  # a node that does not start, or hangs
                print(f"{function.__name__}: {error!r}")
                good, bad = 0, 1
            finally:
                problems = cluster.end()
                for problem in problems:
                    print(f"{function.__name__}: {problem}")
                bad += len(problems)
        passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
