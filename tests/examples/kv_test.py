#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""examples/kv under real clients and hostile ones.

    COPPICE_BUILD=build tests/examples/kv_test.py [NAME...]     only the named tests

Every command is sent to kv and to a real redis-server, byte for byte the same, and the answers are
compared byte for byte. Then redis-cli, redis-benchmark and the Python library; hostile input, which
must get Redis's error or a closed connection in bounded memory; and crashes on purpose.
Prints what differs, and ends with "N passed, N failed".
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("COPPICE_BUILD", os.path.join(ROOT, "build"))
KV = os.path.join(BUILD, "examples", "kv")
TIMEOUT_S = 30  # nothing here takes so long, not even under a sanitizer


# --- Servers and connections ---------------------------------------------------------------------

class Server:
    """A kv of its own, on a port that the system chose."""

    def __init__(self, *options):
        self.log = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen([KV, "--port", "0", *options], stdout=subprocess.PIPE,
                                        stderr=self.log, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"listening on .*:(\d+)", line)
        if not found:
            sys.exit(f"kv did not start: {line!r}\n{self.stderr()}")
        self.port = int(found.group(1))

    def stderr(self):
        self.log.seek(0)
        return self.log.read()

    def rss_mb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) // 1024

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "killed after SIGTERM did nothing"
        finally:
            self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Redis:
    """The real one; it keeps nothing."""

    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--dir", self.folder.name],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end:
            try:
                Client(self.port).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.02)
        sys.exit("redis-server did not start")

    def stop(self):
        self.process.terminate()
        self.process.wait(TIMEOUT_S)
        self.folder.cleanup()


def encode(words):
    """A command as an array of bulk strings."""
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


class Client:
    """A connection that gives answers as the bytes that came."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        line = self.file.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError("closed")
        return line

    def answer(self):
        """One whole answer."""
        line = self.line()
        if line[:1] in b"$=" and line != b"$-1\r\n":
            return line + self.file.read(int(line[1:]) + 2)
        if line[:1] in b"*~%" and line != b"*-1\r\n":
            count = int(line[1:]) * (2 if line[:1] == b"%" else 1)
            return line + b"".join(self.answer() for _ in range(count))
        return line

    def ask(self, *words):
        self.send(encode(words))
        return self.answer()

    def rest(self):
        """All that comes until the other side closes."""
        try:
            return self.file.read()
        except ConnectionResetError:
            return b""

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# --- The same commands to both -------------------------------------------------------------------

def scripts():
    """Name of a script and its commands; each starts with no keys."""
    yield "connection", """
        PING|ping hello|PING a b|ECHO x|ECHO|ECHO a b|SELECT 0|SELECT 99|SELECT x|SELECT
        nosuch|nosuch a b c|NOSUCH 1 2|CLIENT SETNAME me|CLIENT GETNAME|CLIENT SETNAME|CLIENT ID x|COMMAND COUNT x|QUIT"""
    yield "auth", "AUTH x|AUTH default x|AUTH someone x|AUTH a b c|AUTH"
    yield "set and get", """
        SET a 1|GET a|GET b|SET a|GET|SET a 2 NX|SET b 3 NX|SET c 4 XX|SET a 5 XX|MGET a b c|GET a b
        SET a 6 GET|SET new 7 GET|SET a 8 NX GET|SET none 8 XX GET|GET none|set a 9 nx xx|SET a 9 FOO
        SET a 9 EX|SET a 9 EX x|SET a 9 EX 0|SET a 9 EX -1|SET a 9 EX 9223372036854775807
        SET a 9 PX 9223372036854775807|SET a 9 PX 0|SET a 9 EX 10 PX 10|SET a 9 EX 100 KEEPTTL|GET a
        SET a 9 KEEPTTL EX 100|SET a 9 EX 100|TTL a|SET a 10 KEEPTTL|TTL a|SET a 11|TTL a
        SET a 9 EXAT 1|GET a|SET a 9 PXAT 1|EXISTS a|SET a 9 EXAT 99999999999|GET a|SET a 9 EXAT 0
        SET a 1 NX NX NX NX NX NX|SET a 1 EX 1.5|SET a 1 GET GET|SETNX a 1|SETNX fresh 1|GET fresh
        SETEX a 100 v|TTL a|SETEX a 0 v|SETEX a x v|PSETEX a 100000 v|TTL a|PSETEX a -1 v|SETEX a 1"""
    yield "getset and getdel", """
        GETSET a 1|GETSET a 2|GET a|SET t 1 EX 100|GETSET t 2|TTL t|GETDEL a|GETDEL a|GET a|GETDEL"""
    yield "several keys", """
        MSET a 1 b 2 c 3 d 4 e 5 f 6|MGET a b c d e f g|MSET a|MSET a 1 b|MSET a 10 a 11|GET a|MGET
        EXISTS a b c zz a|DEL a b zz|EXISTS a b|DEL|DEL a a|UNLINK c d|EXISTS c d e|EXISTS|DBSIZE
        SET t 1 EX 50|MSET t 2|TTL t"""
    yield "numbers", """
        INCR n|INCR n|INCRBY n 40|DECR n|DECRBY n 1|GET n|STRLEN n|INCRBY n x|INCRBY n 1.5|SET n abc
        INCR n|DECR n|SET n 9223372036854775807|INCR n|INCRBY n 1|DECR n|SET n -9223372036854775808
        DECR n|DECRBY n 1|INCR n|SET n 10|DECRBY n -9223372036854775808|DECRBY n -5|INCRBY n -20
        SET n 01|INCR n|SET n +1|INCR n|SET n -0|INCR n|INCR|INCRBY n|SET n 5 EX 100|INCR n|TTL n
        INCRBY n 9223372036854775808|SET n -1|INCR n|APPEND n 1|GET n|INCR n"""
    yield "strings", """
        APPEND a hello|APPEND a _world|GET a|STRLEN a|STRLEN none|APPEND a|STRLEN|SET b x EX 100
        APPEND b y|TTL b|GET b"""
    yield "time", """
        SET a 1|TTL a|PTTL a|EXPIRE a 100|TTL a|PERSIST a|PERSIST a|TTL a|PEXPIRE a 100000|TTL a
        EXPIRE none 10|PEXPIRE none 10|PERSIST none|TTL none|PTTL none|EXPIRE a x|EXPIRE a|EXPIRE a -1
        EXISTS a|SET a 1|PEXPIRE a 0|GET a|SET a 1|EXPIRE a 100 NX|EXPIRE a 200 NX|TTL a
        EXPIRE a 300 XX|TTL a|EXPIRE a 100 GT|EXPIRE a 400 GT|EXPIRE a 500 LT|EXPIRE a 50 LT|TTL a
        PERSIST a|EXPIRE a 50 GT|EXPIRE a 50 XX|EXPIRE a 50 LT|TTL a|EXPIRE a 1 FOO|EXPIRE a 1 NX XX
        EXPIRE a 1 GT LT|EXPIRE a 1 NX GT|EXPIRE a 9223372036854775807|PEXPIRE a 9223372036854775807
        EXPIRE a -9223372036854775807|EXPIREAT a 1|GET a|SET a 1|EXPIREAT a 99999999999|GET a
        PEXPIREAT a 99999999999999|GET a|PEXPIREAT a 5|EXISTS a|TTL|PTTL|PERSIST"""
    yield "types and names", """
        SET a 1|TYPE a|TYPE none|TYPE|RENAME a b|GET a|GET b|RENAME a b|RENAME b b|GET b|RENAME b
        SET x 1 EX 100|RENAME x y|TTL y|SET z 1|SET w 2 EX 100|RENAME z w|TTL w|GET w|RENAME none none
        MSET k1 1 k2 2 k3 3 k4 4 k5 5|RENAME k1 r1|RENAME k2 r2|RENAME k3 r3|RENAME k4 r4|RENAME k5 r5
        MGET r1 r2 r3 r4 r5 k1 k2 k3 k4 k5"""
    yield "all keys", """
        DBSIZE|SET a 1|DBSIZE|KEYS *|KEYS a|KEYS [b-z]|KEYS|DBSIZE x|FLUSHALL|DBSIZE|FLUSHALL ASYNC
        FLUSHALL SYNC|FLUSHALL x|FLUSHALL SYNC SYNC|FLUSHDB|SCAN 0|SCAN x|SCAN|SCAN 0 COUNT
        SCAN 0 COUNT 0|SCAN 0 COUNT x|SCAN 0 FOO 1|SCAN 0 MATCH a*|SCAN 0 TYPE list|SCAN 0 COUNT 100
        SCAN 99999999999999999999999"""
    yield "config", """
        CONFIG GET save|CONFIG GET appendonly|CONFIG GET nosuch|CONFIG GET maxmemory
        CONFIG GET proto-max-bulk-len|CONFIG GET SAVE|CONFIG GET|CONFIG nosuch|CONFIG"""
    yield "hello", "HELLO 1|HELLO x|HELLO 3 FOO|HELLO 2 SETNAME|HELLO 3 AUTH a|HELLO 4"


def commands_of(script):
    return [part.split() for line in script.split("\n") for part in line.split("|") if part.strip()]


def difference(kv_port, redis_port, commands, before=()):
    """The first command that is answered differently, or None."""
    with Client(kv_port) as kv, Client(redis_port) as redis:
        kv.ask("FLUSHALL"), redis.ask("FLUSHALL")
        for command in before:
            kv.ask(*command), redis.ask(*command)
        for command in commands:
            ours, theirs = kv.ask(*command), redis.ask(*command)
            if ours != theirs:
                return f"{' '.join(map(str, command))}: kv {ours!r}, redis {theirs!r}"
    return None


def test_same_answers(kv, redis):
    """The covered commands in RESP2."""
    return [f"{name}: {found}" for name, script in scripts()
            if (found := difference(kv.port, redis.port, commands_of(script)))]


def test_same_answers_resp3(kv, redis):
    """And in RESP3."""
    return [f"{name}: {found}" for name, script in scripts() if name not in ("hello",)
            if (found := difference(kv.port, redis.port, commands_of(script), [["HELLO", "3"]]))]


def test_hello(kv, redis):
    """The greeting is Redis's but for the number of the connection."""
    problems = []
    for words in (["HELLO"], ["HELLO", 3], ["HELLO", 2], ["HELLO", 3, "SETNAME", "me"],
                  ["HELLO", 3, "AUTH", "default", "x", "SETNAME", "you"]):
        with Client(kv.port) as ours, Client(redis.port) as theirs:
            mine = re.sub(rb"id\r\n:\d+", b"id\r\n:1", ours.ask(*words))
            other = re.sub(rb"id\r\n:\d+", b"id\r\n:1", theirs.ask(*words))
            if mine != other:
                problems.append(f"{words}: kv {mine!r}, redis {other!r}")
            if ours.ask("CLIENT", "GETNAME") != theirs.ask("CLIENT", "GETNAME"):
                problems.append(f"{words}: another name")
    return problems


def test_binary_values(kv, redis):
    """Keys and values of any bytes and sizes, around every limit where the representation changes."""
    commands = []
    for size in (0, 1, 31, 63, 64, 65, 127, 1023, 1024, 1025, 2047, 2048, 4096, 70000, 3000000):
        value = bytes((i * 7 + size) % 256 for i in range(size))
        key = b"k\r\n\0" + value[:300]
        commands += [["SET", key, value], ["GET", key], ["STRLEN", key], ["APPEND", key, b"\0\r\n"],
                     ["GET", key], ["GETSET", key, b"-1"], ["GETDEL", key]]
    found = difference(kv.port, redis.port, commands)
    return [found[:300]] if found else []


def test_inline_commands(kv, redis):
    """What a person types, quotes and all; the raw bytes to both."""
    problems = []
    for text in (b"PING\r\n", b"PING\n", b"\r\n\r\nPING\r\n", b"  set  a   b  \r\nget a\r\n",
                 b'set a "x y"\r\nget a\r\n', b"set a 'it\\'s'\r\nget a\r\n",
                 b'set a "\\x41\\n\\t\\"z"\r\nget a\r\n', b'set a "x\r\n', b'set a "x"y\r\n',
                 b"*0\r\n*-1\r\nPING\r\n", b"*1\r\n$4\r\nPING\r\nPING\r\n", b"get\r\n"):
        answers = []
        for port in (kv.port, redis.port):
            with Client(port) as client:
                client.send(text)
                client.socket.shutdown(socket.SHUT_WR)
                answers.append(client.rest())
        if answers[0] != answers[1]:
            problems.append(f"{text!r}: kv {answers[0]!r}, redis {answers[1]!r}")
    return problems


def test_protocol_errors(kv, redis):
    """Garbage gets Redis's error, and the connection closes."""
    problems = []
    for text in (b"*x\r\n", b"*2147483648\r\n", b"*1\r\n$x\r\n", b"*1\r\n$-5\r\n", b"*1\r\nPING\r\n",
                 b"*1\r\n$536870913\r\n", b"*1\r\n$99999999999999999999\r\n", b"*99999999999\r\n",
                 b"*1\r\n:1\r\n", b"*" + b"1" * 70000, b"*1\r\n$" + b"1" * 70000, b"x" * 70000,
                 b"GET 'x\r\n", b"SET a 1\r\n*1\r\n$x\r\n", b"*1\r\n\r\n"):
        answers = []
        for port in (kv.port, redis.port):
            with Client(port) as client:
                try:
                    client.send(text)
                except (ConnectionResetError, BrokenPipeError):
                    pass
                answers.append(client.rest())
        if answers[0] != answers[1]:
            problems.append(f"{text[:40]!r}: kv {answers[0]!r}, redis {answers[1]!r}")
    return problems


def test_pipelines(kv, redis):
    """10,000 commands at once are answered in order; also cut at odd places."""
    problems = []
    commands = []
    for i in range(2000):
        commands += [["SET", f"key:{i}", i], ["GET", f"key:{i}"], ["INCR", "total"],
                     ["MGET", f"key:{i}", f"key:{i - 1}", "none"], ["EXISTS", f"key:{i}", "total"]]
    commands += [["RENAME", "key:1", "key:one"], ["GET", "key:one"], ["DBSIZE"], ["HELLO", "9"],
                 ["DEL", "key:1", "key:2", "key:3"], ["DBSIZE"], ["PING"]]
    data = b"".join(map(encode, commands))
    for piece in (len(data), 7777, 61):
        answers = []
        for port in (kv.port, redis.port):
            with Client(port) as client:
                client.ask("FLUSHALL")
                part = data if piece > 100 else data[:30000 - 30000 % piece]
                for at in range(0, len(part), piece):
                    client.send(part[at:at + piece])
                client.socket.shutdown(socket.SHUT_WR)
                answers.append(client.rest())
        if answers[0] != answers[1]:
            at = next((i for i, (a, b) in enumerate(zip(*answers)) if a != b), min(map(len, answers)))
            problems.append(f"in pieces of {piece}, at byte {at}: kv {answers[0][at - 20:at + 40]!r}, "
                            f"redis {answers[1][at - 20:at + 40]!r}")
    return problems


# --- Answers that cannot be the same -------------------------------------------------------------

def expect(problems, what, got, want):
    if got != want:
        problems.append(f"{what}: {got!r}, wanted {want!r}")


def test_keys_and_scan(kv, _):
    """Each key is listed once by KEYS and at least once by SCAN, from all partitions."""
    problems = []
    with Client(kv.port) as client:
        client.ask("FLUSHALL")
        for i in range(500):
            client.send(encode(["SET", f"scan:{i}", i]))
        for i in range(500):
            client.answer()
        wanted = {b"scan:%d" % i for i in range(500)}
        found = re.findall(rb"scan:\d+", client.ask("KEYS", "scan:*"))
        expect(problems, "KEYS", (len(found), set(found)), (500, wanted))
        expect(problems, "KEYS scan:1?", len(re.findall(rb"scan:\d+", client.ask("KEYS", "scan:1?"))), 10)
        for options in ([], ["COUNT", 100], ["MATCH", "scan:*"], ["TYPE", "string", "COUNT", 7]):
            cursor, seen, steps = b"0", set(), 0
            while steps < 10000:
                steps += 1
                answer = client.ask("SCAN", cursor, *options)
                cursor = answer.split(b"\r\n")[2]
                seen |= set(re.findall(rb"scan:\d+", answer))
                if cursor == b"0":
                    break
            expect(problems, f"SCAN {options}", seen, wanted)
    return problems


def test_expiry(kv, _):
    """A key is gone when its time is over, and is counted as expired."""
    problems = []
    with Client(kv.port) as client:
        client.ask("FLUSHALL")
        client.ask("SET", "a", 1, "PX", 60)
        client.ask("SET", "b", 1, "PX", 60)
        client.ask("SET", "c", 1, "PX", 60)
        client.ask("PERSIST", "b")
        client.ask("SET", "c", 2)
        end = time.monotonic() + TIMEOUT_S
        while client.ask("DBSIZE") != b":2\r\n" and time.monotonic() < end:
            time.sleep(0.01)  # DBSIZE looks at no key: only the timer can have done it
        expect(problems, "DBSIZE", client.ask("DBSIZE"), b":2\r\n")
        expect(problems, "MGET", client.ask("MGET", "a", "b", "c"), b"*3\r\n$-1\r\n$1\r\n1\r\n$1\r\n2\r\n")
        left = int(client.ask("PTTL", "b")[1:])
        expect(problems, "PTTL", left, -1)
        client.ask("PEXPIRE", "b", 50000)
        left = int(client.ask("PTTL", "b")[1:])
        expect(problems, "PTTL of 50000", 20000 < left <= 50000, True)
    return problems


def test_about_the_server(kv, _):
    """INFO, COMMAND, CLIENT: what clients look for is there."""
    problems = []
    with Client(kv.port) as client, Client(kv.port) as other:
        client.ask("FLUSHALL")
        client.ask("SET", "a", 1, "EX", 100)
        other.ask("CLIENT", "SETNAME", "other")
        info = client.ask("INFO").decode()
        for line in ("redis_version:7.0.15", "db0:keys=1,expires=1", "uptime_in_seconds:", "# Clients"):
            expect(problems, f"INFO has {line}", line in info, True)
        expect(problems, "INFO keyspace", b"# Server" in client.ask("INFO", "keyspace"), False)
        count = int(client.ask("COMMAND", "COUNT")[1:])
        expect(problems, "COMMAND COUNT", count > 40, True)
        expect(problems, "COMMAND", client.ask("COMMAND").split(b"\r\n")[0], b"*%d" % count)
        expect(problems, "COMMAND DOCS", client.ask("COMMAND", "DOCS").split(b"\r\n")[0], b"*%d" % (2 * count))
        expect(problems, "COMMAND INFO", client.ask("COMMAND", "INFO", "get", "no")[:22],
               b"*2\r\n*10\r\n$3\r\nget\r\n:2\r\n")
        expect(problems, "hidden", client.ask("COMMAND", "INFO", "take"), b"*1\r\n$-1\r\n")
        expect(problems, "take", client.ask("take", "a")[:20], b"-ERR unknown command")
        mine = int(client.ask("CLIENT", "ID")[1:])
        listed = client.ask("CLIENT", "LIST").decode()
        expect(problems, "CLIENT LIST id", f"id={mine} addr=127.0.0.1:" in listed, True)
        expect(problems, "CLIENT LIST name", "name=other" in listed, True)
        expect(problems, "CLIENT INFO", f"id={mine} " in client.ask("CLIENT", "INFO").decode(), True)
        expect(problems, "CLIENT SETINFO", client.ask("CLIENT", "SETINFO", "LIB-NAME", "x"), b"+OK\r\n")
        expect(problems, "CLIENT SETNAME", client.ask("CLIENT", "SETNAME", "a b")[:30],
               b"-ERR Client names cannot conta")
    return problems


# --- Real clients --------------------------------------------------------------------------------

def run(*command, feed=None):
    return subprocess.run(command, input=feed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=120, check=False)


def test_redis_cli(kv, _):
    """redis-cli with arguments, by pipe, and in RESP3."""
    problems = []
    port = str(kv.port)
    expect(problems, "SET", run("redis-cli", "-p", port, "SET", "cli", "a b").stdout, "OK\n")
    expect(problems, "GET", run("redis-cli", "-p", port, "GET", "cli").stdout, "a b\n")
    expect(problems, "pipe", run("redis-cli", "-p", port, feed="INCR cli2\nINCR cli2\nGET cli2\n").stdout,
           "1\n2\n2\n")
    expect(problems, "-3", run("redis-cli", "-3", "-p", port, "CONFIG", "GET", "appendonly").stdout,
           "appendonly no\n")
    found = run("redis-cli", "-p", port, "--scan", "--pattern", "cli*").stdout.split()
    expect(problems, "--scan", sorted(found), ["cli", "cli2"])
    return problems


LIBRARY = """
import redis, sys
r = redis.Redis(host="127.0.0.1", port=int(sys.argv[1]))
r.flushall()
assert r.ping() and r.set("a", 1) and r.get("a") == b"1" and r.incr("a", 41) == 42
assert r.mset({"b": 2, "c": b"\\x00\\r\\n"}) and r.mget("a", "b", "c", "d") == [b"42", b"2", b"\\x00\\r\\n", None]
assert r.expire("b", 100) and 0 < r.ttl("b") <= 100 and r.ttl("a") == -1 and r.ttl("none") == -2
assert sorted(r.keys("*")) == [b"a", b"b", b"c"] and sorted(r.scan_iter()) == [b"a", b"b", b"c"]
p = r.pipeline(transaction=False)
for i in range(1000):
    p.set(f"k{i}", i)
    p.get(f"k{i}")
answers = p.execute()
assert answers[0::2] == [True] * 1000 and answers[1::2] == [str(i).encode() for i in range(1000)]
assert r.dbsize() == 1003 and r.info()["redis_version"] and r.info("keyspace")["db0"]["keys"] == 1003
assert "get" in r.command() and r.command_count() > 40
assert r.client_setname("lib") and r.client_getname() == "lib" and r.client_id() > 0 and r.client_list()
assert r.delete("a", "b") == 2 and r.rename("c", "d") and r.getset("d", 1) and r.config_get("save") == {"save": ""}
try:
    r.execute_command("NOSUCH")
    assert False
except redis.ResponseError as e:
    assert "unknown command" in str(e)
try:
    r.set("a", "x"); r.incr("a")
    assert False
except redis.ResponseError as e:
    assert str(e) == "value is not an integer or out of range"
print("fine")
"""


def test_python_library(kv, _):
    """redis-py: its parser, pipelines and what it asks a server about itself."""
    for python in (sys.executable, "/usr/bin/python3"):
        if run(python, "-c", "import redis").returncode == 0:
            result = run(python, "-c", LIBRARY, str(kv.port))
            return [] if result.stdout == "fine\n" else [result.stdout]
    return ["python3-redis is not installed: scripts/setup does it"]


def test_redis_benchmark(kv, _):
    """A short run of redis-benchmark, plain and pipelined."""
    problems = []
    for options in (["-P", "1"], ["-P", "16"], ["-P", "16", "-r", "1000", "-d", "1500"]):
        result = run("redis-benchmark", "-p", str(kv.port), "-q", "-n", "3000", "-c", "50", "-t",
                     "ping,set,get,incr,mset", *options)
        if result.returncode or "rror" in result.stdout or "requests per second" not in result.stdout:
            problems.append(result.stdout[-500:])
    return problems


# --- Hostile clients -----------------------------------------------------------------------------

def test_announced_sizes_take_no_memory(kv, _):
    """200 connections announce half a gigabyte each, or two billion arguments, and send a little."""
    problems = []
    with Client(kv.port) as good:
        before = kv.rss_mb()
        bad = [Client(kv.port) for _ in range(200)]
        for i, client in enumerate(bad):
            client.send(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$60000000\r\nabc" if i % 2 else
                        b"*2147483647\r\n$1\r\nx\r\n$10\r\n")
        for client in bad:
            client.send(b"0123")
        expect(problems, "PING", good.ask("PING"), b"+PONG\r\n")
        expect(problems, f"memory {before} -> {kv.rss_mb()} MB", kv.rss_mb() < before + 100, True)
        for client in bad:
            client.close()
    return problems


def test_too_large_request(kv, _):
    """A value that Redis would take but one connection here may not."""
    problems = []
    with Client(kv.port) as client:
        client.send(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$500000000\r\nabc")
        expect(problems, "answer", client.rest(), b"-ERR Protocol error: request too large\r\n")
    return problems


def test_half_commands_and_hang_ups(kv, _):
    """Clients that leave in the middle of a command leave nothing behind."""
    problems = []
    command = encode(["SET", "half", "x" * 50])
    for cut in range(1, len(command)):
        with Client(kv.port) as client:
            client.send(command[:cut])
    with Client(kv.port) as client:
        expect(problems, "GET half", client.ask("GET", "half"), b"$-1\r\n")
        end = time.monotonic() + TIMEOUT_S
        while client.ask("CLIENT", "LIST").count(b"id=") > 1 and time.monotonic() < end:
            time.sleep(0.01)
        expect(problems, "connections left", client.ask("CLIENT", "LIST").count(b"id="), 1)
    return problems


def test_slow_client(kv, _):
    """A command that arrives byte by byte holds up nobody."""
    problems = []
    with Client(kv.port) as slow, Client(kv.port) as good:
        for byte in encode(["SET", "slow", "value"]):
            slow.send(bytes([byte]))
            expect(problems, "PING", good.ask("PING"), b"+PONG\r\n")
        expect(problems, "SET", slow.answer(), b"+OK\r\n")
    return problems


def test_client_that_never_reads(kv, _):
    """It asks for 2 GB and reads nothing: its session waits; memory stays and the others go on."""
    problems = []
    with Client(kv.port) as lazy, Client(kv.port) as good:
        good.ask("SET", "big", "x" * 1000000)
        before = kv.rss_mb()
        lazy.socket.settimeout(0.5)
        try:
            for _ in range(2000):
                lazy.send(encode(["GET", "big"]))
        except TimeoutError:
            pass
        for _ in range(20):
            expect(problems, "PING", good.ask("PING"), b"+PONG\r\n")
        expect(problems, "GET", len(good.ask("GET", "big")), 1000000 + 12)
        expect(problems, f"memory {before} -> {kv.rss_mb()} MB", kv.rss_mb() < before + 100, True)
    return problems


def test_garbage(kv, _):
    """Pseudo-random bytes; the server lives."""
    problems = []
    seed = 12345
    for _ in range(200):
        data = bytearray()
        for _ in range(300):
            seed = (seed * 1103515245 + 12345) % 2**31
            data.append(b"*$:+-\r\n0123456789 \"'\\xGETSET"[(seed >> 8) % 26] if seed >> 16 & 1 else seed >> 8 & 255)
        with Client(kv.port) as client:
            try:
                client.send(bytes(data))
                client.socket.shutdown(socket.SHUT_WR)
                client.rest()
            except (ConnectionResetError, BrokenPipeError, OSError):
                pass
    with Client(kv.port) as client:
        expect(problems, "PING", client.ask("PING"), b"+PONG\r\n")
    return problems


def test_too_many_clients(_kv, _):
    """One more than --clients gets Redis's error; when one leaves there is room again."""
    problems = []
    with Server("--clients", "3") as kv:
        clients = [Client(kv.port) for _ in range(3)]
        for client in clients:
            expect(problems, "PING", client.ask("PING"), b"+PONG\r\n")
        with Client(kv.port) as more:
            expect(problems, "fourth", more.rest(), b"-ERR max number of clients reached\r\n")
        clients.pop().close()
        end = time.monotonic() + TIMEOUT_S
        answer = b""
        while answer != b"+PONG\r\n" and time.monotonic() < end:
            with Client(kv.port) as more:
                try:
                    answer = more.ask("PING")
                except (ConnectionResetError, BrokenPipeError):
                    answer = b""
        expect(problems, "after one left", answer, b"+PONG\r\n")
        for client in clients:
            client.close()
    return problems


# --- Crashes -------------------------------------------------------------------------------------

def test_crash_of_a_connection(_kv, _):
    """It closes; the others keep their connections and their data; the crash is reported."""
    problems = []
    with Server() as kv, Client(kv.port) as good:
        good.ask("SET", "a", 1)
        for _ in range(30):
            with Client(kv.port) as bad:
                bad.send(encode(["SET", "b", 2]) + encode(["DEBUG", "CRASH"]) + encode(["GET", "a"]))
                expect(problems, "answers of the crashed", bad.rest(), b"+OK\r\n")
            expect(problems, "GET a", good.ask("GET", "a"), b"$1\r\n1\r\n")
        expect(problems, "GET b", good.ask("GET", "b"), b"$1\r\n2\r\n")
        expect(problems, "report", "debug_crash" in kv.stderr(), True)
    return problems


def test_crash_of_a_partition(_kv, _):
    """Its keys are gone, all others are there, no connection is lost, and it serves again at once."""
    problems = []
    with Server("--partitions", "4") as kv, Client(kv.port) as client, Client(kv.port) as other:
        keys = [f"key:{i}" for i in range(100)]
        for key in keys:
            client.ask("SET", key, "v")
        expect(problems, "CRASH STORE", client.ask("DEBUG", "CRASH", "STORE", 2), b"+OK\r\n")
        end = time.monotonic() + TIMEOUT_S
        while other.ask("DBSIZE").startswith(b"-ERR partition 2 ") and time.monotonic() < end:
            pass  # its supervisor is at it
        there = [key for key in keys if other.ask("GET", key) == b"$1\r\nv\r\n"]
        expect(problems, f"{len(there)} keys of 100 left", 50 < len(there) < 100, True)
        for key in keys:
            expect(problems, f"SET {key}", client.ask("SET", key, "w"), b"+OK\r\n")
            expect(problems, f"GET {key}", other.ask("GET", key), b"$1\r\nw\r\n")
        expect(problems, "report", "partition_2" in kv.stderr() and "debug_crash" in kv.stderr(), True)
        for index in ("4", "-1", "x"):
            expect(problems, f"CRASH STORE {index}", client.ask("DEBUG", "CRASH", "STORE", index)[:25],
                   b"-ERR no such partition, t")
    return problems


def test_crash_under_load(_kv, _):
    """While partitions crash every command is answered, with its value or with an error that names the
    partition; and what was acknowledged is readable while its partition lives."""
    problems = []
    with Server("--partitions", "4") as kv, Client(kv.port) as client, Client(kv.port) as crasher:
        errors = 0
        for turn in range(8):
            commands = [encode(["SET", f"key:{i}", turn]) for i in range(400)]
            client.send(b"".join(commands[:200]))
            crasher.send(encode(["DEBUG", "CRASH", "STORE", turn % 4]))
            client.send(b"".join(commands[200:]))
            for _ in commands:
                answer = client.answer()
                if answer.startswith(b"-ERR partition "):
                    errors += 1
                elif answer != b"+OK\r\n":
                    problems.append(f"SET: {answer!r}")
            expect(problems, "DEBUG CRASH", crasher.answer(), b"+OK\r\n")
        end = time.monotonic() + TIMEOUT_S
        while client.ask("DBSIZE").startswith(b"-") and time.monotonic() < end:
            pass
        for i in range(100):
            expect(problems, "SET", client.ask("SET", f"key:{i}", "last"), b"+OK\r\n")
        for i in range(100):
            expect(problems, "GET", client.ask("GET", f"key:{i}"), b"$4\r\nlast\r\n")
    return problems[:5]


def test_sigterm(_kv, _):
    """The tree stops in order: connections close, the port is free, the status is 0."""
    problems = []
    kv = Server()
    with Client(kv.port) as client, Client(kv.port) as idle:
        expect(problems, "SET", client.ask("SET", "a", 1), b"+OK\r\n")
        expect(problems, "status", kv.stop(), 0)
        expect(problems, "connection", (client.rest(), idle.rest()), (b"", b""))
    try:
        Client(kv.port).close()
        problems.append("it still listens")
    except ConnectionRefusedError:
        pass
    return problems


def test_options(_kv, _):
    """--help and --version say something; a wrong option says what is wrong."""
    problems = []
    expect(problems, "--help", "--partitions" in run(KV, "--help").stdout, True)
    expect(problems, "--version", run(KV, "--version").stdout[:3], "kv ")
    for options in (["--partitions", "0"], ["--port", "x"], ["--nosuch"], ["word"]):
        result = run(KV, *options)
        expect(problems, f"{options}", (result.returncode, "kv" in result.stdout), (2, True))
    with Server() as kv:
        result = run(KV, "--port", str(kv.port))
        expect(problems, "port in use", (result.returncode, "cannot listen" in result.stdout), (1, True))
    return problems


# --- All of them ---------------------------------------------------------------------------------

def main():
    if not os.path.exists(KV):
        sys.exit(f"no {KV}; run make")
    for program in ("redis-server", "redis-cli", "redis-benchmark"):
        if not shutil.which(program):
            sys.exit(f"no {program}; scripts/setup installs it")
    tests = [(name[5:], test) for name, test in globals().items() if name.startswith("test_")]
    passed = failed = 0
    redis = Redis()
    try:
        with Server() as kv:
            for name, test in tests:
                if len(sys.argv) > 1 and name not in sys.argv[1:]:
                    continue
                try:
                    problems = test(kv, redis)
                except (OSError, subprocess.TimeoutExpired, ValueError, IndexError) as error:
                    problems = [f"line {error.__traceback__.tb_next.tb_lineno}: {error!r}"]
                if kv.process.poll() is not None:
                    problems.append(f"kv ended with status {kv.process.returncode}: {kv.stderr()[-2000:]}")
                if re.search("Sanitizer|runtime error:", kv.stderr()):
                    problems.append(f"a sanitizer reports: {kv.stderr()[-2000:]}")
                if problems:
                    failed += 1
                    print(f"FAILED {name}: {test.__doc__}")
                    print("".join(f"  {problem}\n" for problem in problems), end="")
                else:
                    passed += 1
                if kv.process.poll() is not None:
                    break
    finally:
        redis.stop()
    if failed:
        print(f"rerun one: COPPICE_BUILD={BUILD} {sys.argv[0]} NAME")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
