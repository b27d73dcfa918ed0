# SPDX-License-Identifier: Apache-2.0
"""Processes for gdb, in a live program and in a core file.

    (gdb) source scripts/gdb/coppice-gdb.py
    (gdb) coppice ps               pid, name, state, unread messages and entry of each process
    (gdb) coppice bt 42            the C backtrace of process <0.42.7>; <0.42.7> will do too
    (gdb) coppice bt all           of all that have a stack

The hard idea: gdb thinks in threads, and a parked process has none. While `coppice bt` runs, an
unwinder of ours says that the innermost frame of the selected thread was called from where the
process stopped, with the registers that cop__switch saved on the process's stack; gdb unwinds the
rest, and nothing in the program is changed. The layout of a saved context is said in
src/proc/switch_*.S.

A core file that the kernel writes holds all that is needed (ulimit -c unlimited; it is sparse: far
smaller than it looks). gdb's own generate-core-file is no use here: it reads the whole of the
reserved regions.
"""
import re

import gdb
import gdb.unwinder

ANY, SIG, DEAD = 1, 2, 8
POINTER = 0x0000FFFFFFFFFFC0
LOOP, EXITING, HIBERNATING, SUSPENDED, PARKED = 2, 4, 16, 32, 256  # COP__P_* of types.h
ATOM_CHUNK = 1024  # CHUNK_ENTRIES of term/atom.c
MESSAGES_MAX = 100000

# architecture -> (registers in the order they lie from sp up, where pc lies, bytes in all)
CONTEXTS = {
    "i386:x86-64": (["rbp"], 1, 16, "rip", "rsp"),
    "aarch64": (["x29"], 1, 16, "pc", "sp"),
}


def word_at(address):
    data = gdb.selected_inferior().read_memory(address, 8)
    return int.from_bytes(bytes(data), "little")


def evaluate(expression):
    try:
        return gdb.parse_and_eval(expression)
    except gdb.error as error:
        raise gdb.GdbError(f"coppice: {error}; is this a program of Coppice with debug information?")


def plain(value):
    """A value without _Atomic, as a number."""
    return int(value.cast(gdb.lookup_type("unsigned long")))


def symbol_of(address):
    """The function at an address, without <>."""
    if not address:
        return "?"
    text = gdb.execute(f"info symbol {address:#x}", to_string=True)
    return text.split(" ")[0] if " in section" in text else f"{address:#x}"


class Atoms:
    def __init__(self):
        # link-time optimisation leaves a second symbol of the same name without a place
        values = [symbol.value() for symbol in gdb.lookup_static_symbols("chunks")
                  if "cop__atom_entry" in str(symbol.type)]
        found = [value for value in values if not value.is_optimized_out]
        self.chunks = found[0] if found else None

    def text(self, index):
        if not index:
            return ""
        if self.chunks is None:
            return f"atom {index}"
        entry = self.chunks[index // ATOM_CHUNK][index % ATOM_CHUNK]
        return entry["text"].string(length=int(entry["size"]))


class Process:
    def __init__(self, record):
        self.record = record
        self.mbox, self.flags = plain(record["mbox"]), plain(record["flags"])
        self.index, self.gen = int(record["index"]), plain(record["gen"])
        self.sp = int(record["sp"])
        self.on = int(record["on"].cast(gdb.lookup_type("unsigned long")))

    @property
    def pid(self):
        return f"<0.{self.index}.{self.gen}>"

    @property
    def has_context(self):
        return bool(self.sp) and bool(int(self.record["stack"])) and not self.on

    def state(self):
        if self.flags & EXITING:
            return "exiting"
        if self.on:
            return "running"
        if self.flags & SUSPENDED:
            return "suspended"
        if self.mbox & (ANY | SIG):
            return "hibernating" if self.flags & HIBERNATING else "waiting"
        return "runnable"

    def entry(self):
        if self.flags & LOOP:
            loop = self.record["loop"]
            return symbol_of(int(loop["handle_message"])) if int(loop) else "?"
        origin = self.record["origin"]
        if not int(origin):
            return "?"
        name = origin["initial_call"]
        return name.string() if int(name) else symbol_of(int(origin["entry"]))

    def messages(self):
        """How many are unread, those not yet fetched included."""
        count = 0
        for first in (int(self.record["first"]), self.mbox & POINTER):
            while first and count < MESSAGES_MAX:
                count, first = count + 1, word_at(first)
        return count


def processes():
    """All that live. Slots are taken in address order, so the first never used ends the walk."""
    base, capacity = evaluate("cop__proc_base"), int(evaluate("cop__proc_capacity"))
    if not capacity:
        raise gdb.GdbError("coppice: no node is running")
    for index in range(1, capacity):
        record = base[index]
        if not plain(record["gen"]):
            return
        if not plain(record["mbox"]) & DEAD:
            yield Process(record)


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class ParkedUnwinder(gdb.unwinder.Unwinder):
    """While `process` is set, the innermost frame was called from where that process stopped."""

    def __init__(self):
        super().__init__("coppice")
        self.process = None

    def __call__(self, pending_frame):
        if self.process is None or pending_frame.level() != 0:
            return None
        names, pc_at, size, pc_name, sp_name = CONTEXTS[pending_frame.architecture().name()]
        word, sp = gdb.lookup_type("unsigned long"), self.process.sp
        # An address below the process's frames, or gdb takes the stack for corrupt.
        here = FrameId(gdb.Value(sp - 16).cast(word), pending_frame.read_register(pc_name))
        info = pending_frame.create_unwind_info(here)

        def save(name, value):
            info.add_saved_register(name, gdb.Value(value).cast(word))

        for at, name in enumerate(names):
            save(name, word_at(sp + 8 * at))
        save(pc_name, word_at(sp + 8 * pc_at))
        save(sp_name, sp + size)
        return info


UNWINDER = ParkedUnwinder()
gdb.unwinder.register_unwinder(None, UNWINDER, replace=True)


def frames_of(process):
    """The lines of the backtrace of a process that has a saved context."""
    UNWINDER.process = process
    try:
        gdb.invalidate_cached_frames()
        frame, lines = gdb.newest_frame().older(), []
        while frame is not None and frame.is_valid():
            name = frame.name() or "??"
            place = frame.find_sal()
            where = f" at {place.symtab.filename}:{place.line}" if place.symtab else ""
            lines.append(f"#{len(lines):<2} {frame.pc():#018x} in {name}{where}")
            frame = frame.older()
        return lines
    finally:
        UNWINDER.process = None
        gdb.invalidate_cached_frames()


def thread_of(process):
    """The gdb thread that runs a process."""
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        try:
            if int(gdb.parse_and_eval("cop__thread_current")) == process.on:
                return thread
        except gdb.error:
            break
    return None


def backtrace(process):
    print(f"{process.pid} {process.state()}, entry {process.entry()}")
    if process.on:
        selected = gdb.selected_thread()
        thread = thread_of(process)
        if thread is None:
            print(f"  it runs: its thread's record is {process.on:#x}; see thread apply all bt")
        else:
            gdb.execute("bt")
        selected.switch()
    elif process.has_context:
        print("\n".join(frames_of(process)))
    else:
        print("  no stack: it starts anew with its next message")


class Coppice(gdb.Command):
    """Processes of a program of Coppice: coppice ps, coppice bt PID."""

    def __init__(self):
        super().__init__("coppice", gdb.COMMAND_STACK, prefix=True)


class Ps(gdb.Command):
    """Lists all processes: pid, name, state, unread messages, entry."""

    def __init__(self):
        super().__init__("coppice ps", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        atoms, count = Atoms(), 0
        print(f"{'PID':<12} {'NAME':<24} {'STATE':<12} {'MSGS':>6}  ENTRY")
        for process in processes():
            name = atoms.text(plain(process.record["name"]))
            print(f"{process.pid:<12} {name:<24} {process.state():<12} {process.messages():>6}  "
                  f"{process.entry()}")
            count += 1
        print(f"{count} processes")


class Bt(gdb.Command):
    """Prints the C backtrace of a process: coppice bt PID, or all."""

    def __init__(self):
        super().__init__("coppice bt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        found = re.fullmatch(r"(?:<0\.)?(\d+)(?:\.(\d+)>)?", argument.strip())
        if argument.strip() != "all" and not found:
            raise gdb.GdbError("coppice bt: which one? a number, <0.N.M> or all")
        shown = 0
        for process in processes():
            if found and process.index != int(found.group(1)):
                continue
            if found and found.group(2) and process.gen != int(found.group(2)):
                continue
            if found or process.on or process.has_context:
                backtrace(process)
                shown += 1
        if found and not shown:
            raise gdb.GdbError(f"coppice bt: no process {argument.strip()}")


Coppice()
Ps()
Bt()
