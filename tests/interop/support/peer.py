# SPDX-License-Identifier: Apache-2.0
"""A peer of the distribution protocol that can say anything: for what no real node would send."""
import hashlib
import socket
import struct

FLAGS = 0xd07df7fbd


def atom(text):
    data = text.encode()
    return bytes([119, len(data)]) + data


def small(number):
    return bytes([97, number])


def integer(number):
    return bytes([98]) + struct.pack(">i", number)


def tuple_of(*items):
    return bytes([104, len(items)]) + b"".join(items)


def pid(node, number=1, serial=0, creation=1):
    return bytes([88]) + atom(node) + struct.pack(">III", number, serial, creation)


def reference(node, words, creation=1):
    return (bytes([90]) + struct.pack(">H", len(words)) + atom(node) +
            struct.pack(">I", creation) + b"".join(struct.pack(">I", w) for w in words))


def digest(cookie, challenge):
    return hashlib.md5((cookie + str(challenge)).encode()).digest()


class Refused(Exception):
    """The other side said no, or closed."""


class Peer:
    """A connection that has passed the handshake, as the one who connects."""

    def __init__(self, port, name, cookie, flags=FLAGS, creation=1, replace=False):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.name = name
        data = name.encode()
        self.send2(b"N" + struct.pack(">QIH", flags, creation, len(data)) + data)
        status = self.receive2()
        if replace and status == b"salive":
            self.send2(b"strue")
            status = b"sok"
        if status not in (b"sok", b"sok_simultaneous"):
            raise Refused(status)
        challenge = self.receive2()
        self.flags, theirs, self.creation, size = struct.unpack(">QIIH", challenge[1:19])
        self.peer = challenge[19:19 + size].decode()
        self.send2(b"r" + struct.pack(">I", 7) + digest(cookie, theirs))
        if self.receive2() != b"a" + digest(cookie, 7):
            raise Refused("digest")

    def send2(self, body):
        self.socket.sendall(struct.pack(">H", len(body)) + body)

    def take(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise Refused("closed")
            data += more
        return data

    def receive2(self):
        return self.take(struct.unpack(">H", self.take(2))[0])

    def frame(self, body):
        self.socket.sendall(struct.pack(">I", len(body)) + body)

    def message(self, control, payload=b""):
        self.frame(bytes([131, 68, 0]) + control + payload)

    def next_frame(self):
        """The next that is no tick."""
        while True:
            size = struct.unpack(">I", self.take(4))[0]
            if size:
                return self.take(size)

    def next_signal(self):
        """Control and payload of the next that is not for a name: pg says hello to every new node."""
        while True:
            frame = self.next_frame()
            if frame[:3] == bytes([131, 68, 0]) and frame[5:7] != small(6):
                return frame[3:]

    def spawn(self, module, function, arguments):
        """Ask for a process there; arguments are encoded terms. Returns its pid, encoded."""
        me = pid(self.name)
        ref = reference(self.name, [1, 2, 3])
        args = (b"l" + struct.pack(">I", len(arguments)) + b"".join(arguments) if arguments else b"") + b"j"
        self.message(tuple_of(small(29), ref, me, me, tuple_of(
            atom(module), atom(function), small(len(arguments))), b"j"), args)
        answer = self.next_signal()
        if answer[2:4] != small(31):
            raise Refused(answer)
        return answer

    def is_closed(self):
        """Everything that comes is read until the end, or until the node says nothing for long."""
        self.socket.settimeout(5)
        try:
            while self.socket.recv(65536):
                pass
            return True
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def close(self):
        self.socket.close()
