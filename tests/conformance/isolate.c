/* SPDX-License-Identifier: Apache-2.0 */
/* Children in operating-system processes of their own (docs/spec/isolation.md). */
#include <coppice.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conformance/faulty.h"
#include "conformance/node.h"

enum { LARGE = 1 << 20 };

#undef CLAUSE
#define CLAUSE(ID)                              \
    static void process_##ID(void);             \
    TEST(ID)                                    \
    {                                           \
        CHECK_EQ_INT(cop_isolate_prepare(), 0); \
        cop_log_set_level(COP_LOG_EMERGENCY);   \
        node_run(process_##ID, 1);              \
        node_run(process_##ID, 2);              \
        cop_log_set_level(COP_LOG_NOTICE);      \
        cop_log_set_handler(NULL, NULL);        \
    }                                           \
    static void process_##ID(void)

/* --- A server that does what it is told --------------------------------------------------------
 */

struct state {
    int64_t n;
};

static cop_step init(void *memory, cop_term arg)
{
    struct state *state = memory;
    cop_term reason;

    if (cop_match(arg, "{fail, Reason}", &reason))
        return cop_init_error(reason);
    if (cop_match(arg, "ignore"))
        return cop_ignore();
    if (cop_match(arg, "trap"))
        cop_trap_exit(true);
    if (cop_match(arg, "hello"))
        cop_cast("tester", cop("{hello, Self}", cop_self()));
    if (cop_match(arg, "die"))
        _exit(7);
    cop_to_int(&state->n, arg);
    return cop_ok();
}

static void answer_later(cop_term from)
{
    cop_reply_to(from, cop("later"));
}

static cop_term call_tester(cop_term request)
{
    return cop_call("tester", request, .timeout_ms = WAIT_MS);
}

static void echo_main(cop_term arg)
{
    cop_pid tester;

    (void)arg;
    cop_must(cop_match(arg, "Tester", &tester));
    cop_send(tester, cop("{helper, Self}", cop_self()));
    for (;; cop_turn_end()) {
        cop_term message = cop_receive(), x;

        if (cop_match(message, "{echo, X}", &x))
            cop_send(tester, cop("{echoed, X}", x));
    }
}

static cop_term open_descriptors(void)
{
    int error = 0, opened = 0;

    for (int fd = 0; fd >= 0 && opened < 1000; opened++)
        if ((fd = dup(STDERR_FILENO)) < 0)
            error = errno;
    return cop("{Error, Some}", cop_atom_new(cop_error_name(-error)), cop_bool(opened > 0));
}

static cop_term allocate(int64_t bytes)
{
    size_t step = 1 << 20;
    int64_t got = 0;

    for (void *block; got < bytes && (block = malloc(step)) != NULL; got += (int64_t)step)
        memset(block, 1, step);
    return cop_int(got);
}

static cop_step handle_call(void *memory, cop_term request)
{
    struct state *state = memory;
    cop_term x, y;
    cop_pid pid;
    int64_t n;

    if (cop_match(request, "incr"))
        return cop_reply(cop_int(++state->n));
    if (cop_match(request, "os_pid"))
        return cop_reply(cop_int(getpid()));
    if (cop_match(request, "{echo, X}", &x))
        return cop_reply(x);
    if (cop_match(request, "self"))
        return cop_reply(cop_from_pid(cop_self()));
    if (cop_match(request, "later")) {
        cop_spawn(answer_later, cop_caller());
        return cop_noreply();
    }
    if (cop_match(request, "{call_tester, X}", &x))
        return cop_reply(call_tester(x));
    if (cop_match(request, "{send, To, X}", &x, &y)) {
        cop_send_to(cop_dest_term(x), y);
        return cop_reply(cop("ok"));
    }
    if (cop_match(request, "{link, Pid}", &pid)) {
        cop_link(pid);
        return cop_reply(cop("ok"));
    }
    if (cop_match(request, "{monitor, X}", &x))
        return cop_reply(cop_from_ref(cop_monitor_with(cop_dest_term(x), NULL)));
    if (cop_match(request, "{helper, Pid}", &pid)) {
        cop_spawn(echo_main, cop_from_pid(pid));
        return cop_reply(cop("ok"));
    }
    if (cop_match(request, "{exit, X}", &x))
        cop_exit(x);
    if (cop_match(request, "{os_exit, N}", &n))
        _exit((int)n);
    if (cop_match(request, "{raise, N}", &n))
        kill(getpid(), (int)n);
    if (cop_match(request, "{stop, X, Bytes}", &x, &n)) {
        char *large = calloc(1, (size_t)n);
        cop_term reply = cop_binary(large, (size_t)n);

        free(large);
        return cop_stop(x, .reply = reply);
    }
    if (cop_match(request, "{write, X}", &x)) { /* left in the buffer of stdio */
        char path[256] = "";
        cop_bytes text;

        cop_must(cop_to_bytes(&text, x) && text.size < sizeof path);
        memcpy(path, text.data, text.size);
        fputs("written", fopen(path, "w"));
        return cop_stop(cop("normal"), .reply = cop("ok"));
    }
    if (cop_match(request, "spin"))
        for (;;)
            __asm__ volatile("");
    if (cop_match(request, "{allocate, N}", &n))
        return cop_reply(allocate(n));
    if (cop_match(request, "open"))
        return cop_reply(open_descriptors());
    if (cop_match(request, "open_file")) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        return cop_reply(cop_int(fd < 0 ? -errno : fd));
    }
    if (cop_match(request, "exec"))
        execl("/bin/true", "true", (char *)NULL);
    if (cop_match(request, "{kill, N}", &n))
        kill((pid_t)n, SIGTERM);
    if (cop_match(request, "babble")) { /* into its connection, too */
        char noise[1000];

        memset(noise, 0xff, sizeof noise);
        for (int fd = STDERR_FILENO + 1; fd < 64; fd++)
            (void)!send(fd, noise, sizeof noise, MSG_DONTWAIT | MSG_NOSIGNAL);
        return cop_noreply();
    }
    if (cop_match(request, "smash")) { /* all of its memory that is not code */
        for (size_t i = 0; i < 1000; i++)
            ((volatile char *)memory)[i] = 'x';
        memset((char *)memory - 256, 'y', 4096);
        memset(cop_alloc(64), 'y', 100000);
        free(malloc(100000));
        abort();
    }
    return cop_reply(cop("what"));
}

static cop_step handle_cast(void *memory, cop_term request)
{
    struct state *state = memory;
    cop_term x;

    if (cop_match(request, "{add, N}", &x)) {
        int64_t n = 0;

        cop_to_int(&n, x);
        state->n += n;
    }
    return cop_noreply();
}

static cop_step handle_info(void *memory, cop_term message)
{
    (void)memory;
    cop_cast("tester", cop("{info, Message}", message));
    return cop_noreply();
}

static void terminate(void *memory, cop_term reason)
{
    (void)memory;
    cop_cast("tester", cop("{terminate, Reason}", reason));
}

static const cop_field fields[] = { COP_FIELD(struct state, n), COP_FIELDS_END };

static const cop_gen_server server = { .name = "server",
    .state_size = sizeof(struct state),
    .fields = fields,
    .init = init,
    .handle_call = handle_call,
    .handle_cast = handle_cast,
    .handle_info = handle_info,
    .terminate = terminate };

/* Starts children with each limit; the tester has the name that they send to. */
static const cop_supervisor one = { .name = "one",
    .intensity = 1000,
    .children =
        COP_CHILDREN({ .name = "server", .gen_server = &server, .arg = "0", .isolate = true }, ) };

static bool is_sanitized(void)
{
    return !contains_faults();
}

static cop_pid top;

static void begin(void)
{
    cop_must(cop_register("tester", cop_self()) == 0);
    cop_must(cop_supervisor_start_link(&top, &one, NULL) == 0);
}

static cop_pid whereis(const char *name)
{
    cop_pid pid = { 0, 0 };

    cop_whereis(&pid, cop_atom_new(name));
    return pid;
}

static int start_with(cop_pid *ret_pid, cop_child child, cop_term *ret_error)
{
    if (!child.process && !child.supervisor && !child.start)
        child.gen_server = &server;
    child.isolate = true;
    child.restart = COP_TEMPORARY;
    return cop_supervisor_start_child_spec(ret_pid, cop_dest_name("one"), &child, ret_error);
}

static cop_term ask(const char *name, cop_term request)
{
    return cop_call(name, request, .timeout_ms = WAIT_MS);
}

/* Why it ended, of who is told to do what ends it. */
static cop_term ends(const char *name, cop_term request)
{
    cop_pid pid = whereis(name);
    cop_ref ref = cop_monitor(pid);
    cop_term reply, reason = COP_NONE;

    cop_try_call(&reply, name, request, .timeout_ms = WAIT_MS);
    EXPECT("{'DOWN', Ref, process, _, Reason}", ref, &reason);
    return reason;
}

/* Its restart, after it has ended. */
static cop_pid again(const char *name, cop_pid before)
{
    cop_pid pid;

    for (int i = 0; i < WAIT_MS; i++) {
        pid = whereis(name);
        if (pid.id && pid.id != before.id && cop_isolate_os_pid(pid))
            return pid;
        cop_sleep(1);
    }
    pid.id = 0;
    CHECK(pid.id); /* it was not started again */
    return pid;
}

static bool is_gone(int os_pid)
{
    for (int i = 0; i < WAIT_MS; i++) {
        if (kill(os_pid, 0) < 0)
            return true;
        cop_sleep(1);
    }
    return false;
}

/* --- In nodes of their own, before this program has run any
 * --------------------------------------------------------------------------------- */

static int unprepared_main(int argc, char **argv)
{
    cop_term error;

    (void)argc, (void)argv;
    cop_trap_exit(true);
    return cop_supervisor_start_link(&top, &one, &error) == -COP_EEXIT &&
                   cop_match(error,
                       "{shutdown, {failed_to_start_child, server, {isolate, not_prepared}}}")
               ? 0
               : 1;
}

/* In a program of its own, which is to exit with 0. */
static void check_forked(int (*body)(void))
{
    int status;
    pid_t node = fork();

    if (node == 0) {
        cop_log_set_level(COP_LOG_EMERGENCY);
        _exit(body());
    }
    CHECK_EQ_INT(waitpid(node, &status, 0), node);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int unprepared(void)
{
    return cop_run_main(unprepared_main, 0, NULL);
}

/* Without what forks it (also: ISO-19). */
TEST(ISO_19)
{
    check_forked(unprepared);
}

static void stopping_main(cop_term arg)
{
    (void)arg;
    cop_stop_node(0);
    cop_receive_match("never");
}

static const cop_supervisor stopping = {
    .children =
        COP_CHILDREN({ .name = "server", .gen_server = &server, .arg = "0", .isolate = true },
            { .name = "stopper", .process = stopping_main }, )
};

static int prepared_before(void)
{
    return cop_run(&stopping) ? 2 : unprepared();
}

/* Nor for the nodes after the one it was there for (also: ISO-19). */
TEST(ISO_19_after)
{
    check_forked(prepared_before);
}

static int pipe_to;

static void telling_main(cop_term arg)
{
    int64_t os_pid = 0;
    int number;

    (void)arg;
    cop_to_int(&os_pid, ask("server", cop("os_pid")));
    number = (int)os_pid;
    cop_must(write(pipe_to, &number, sizeof number) == sizeof number);
    cop_receive_match("never");
}

static const cop_supervisor telling = {
    .children =
        COP_CHILDREN({ .name = "server", .gen_server = &server, .arg = "0", .isolate = true },
            { .name = "teller", .process = telling_main }, )
};

/* The node ends, in order or by kill -9: so do its parts. */
TEST(ISO_13_node)
{
    for (int round = 0; round < 2; round++) {
        int ends[2], os_pid = 0, status;
        pid_t node;

        CHECK_EQ_INT(pipe(ends), 0);
        node = fork();
        if (node == 0) {
            pipe_to = ends[1];
            _exit(cop_run(&telling));
        }
        close(ends[1]);
        CHECK_EQ_INT(read(ends[0], &os_pid, sizeof os_pid), sizeof os_pid);
        close(ends[0]);
        CHECK(os_pid > 0 && kill(os_pid, 0) == 0);
        kill(node, round ? SIGKILL : SIGTERM);
        CHECK_EQ_INT(waitpid(node, &status, 0), node);
        CHECK(round ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0);
        for (int i = 0; i < WAIT_MS && kill(os_pid, 0) == 0; i++)
            usleep(1000);
        CHECK(kill(os_pid, 0) < 0);
    }
}

/* --- Clauses
 * --------------------------------------------------------------------------------------
 */

/* A process of the system of its own; its pid is one of this node. */
CLAUSE(ISO_01)
{
    cop_pid pid;
    int64_t os_pid = 0;

    begin();
    pid = whereis("server");
    CHECK(pid.id && pid.node == 0);
    cop_to_int(&os_pid, ask("server", cop("os_pid")));
    CHECK(os_pid > 0 && os_pid != getpid());
    CHECK_EQ_INT(cop_isolate_os_pid(pid), os_pid);
    CHECK_EQ_INT(cop_isolate_os_pid(cop_self()), 0);
    CHECK_TERM(ask("server", cop("incr")), "1");
}

/* What its start gives is what any child's gives. */
CLAUSE(ISO_02)
{
    cop_term error, reason;
    cop_pid pid;

    begin();
    CHECK_EQ_INT(
        start_with(&pid, (cop_child){ .name = "a", .arg = "{fail, why}" }, &error), -COP_EEXIT);
    CHECK(cop_match(error, "{Reason, _}", &reason));
    CHECK_TERM(reason, "why");
    CHECK_EQ_INT(start_with(&pid, (cop_child){ .name = "b", .arg = "ignore" }, &error), 0);
    CHECK_EQ_INT(pid.id, 0);
    CHECK_EQ_INT(
        start_with(&pid, (cop_child){ .id = cop("c"), .name = "server" }, &error), -COP_EEXIT);
    CHECK(cop_match(error, "{{already_started, Pid}, _}", &pid) && pid.id == whereis("server").id);
    CHECK_EQ_INT(start_with(&pid, (cop_child){ .name = "d", .arg = "die" }, &error), -COP_EEXIT);
    CHECK(cop_match(error, "{Reason, _}", &reason));
    CHECK_TERM(reason, "{exit_status,7}");
    CHECK_EQ_INT(whereis("d").id, 0);
}

static cop_child_start start_with_info(cop_term arg, const void *context)
{
    cop_child_start start = { .result = COP_CHILD_OK, .info = cop("{given, Arg}", arg) };

    start.pid = cop_spawn_link(context == &server ? obedient_main : idle_main, cop_nil());
    return start;
}

static void process_main(cop_term arg)
{
    cop_send("tester", cop("{process, Arg, Self}", arg, cop_self()));
    cop_receive_match("stop");
}

static const cop_supervisor below = { .name = "below",
    .children = COP_CHILDREN({ .name = "w", .gen_server = &server, .arg = "40" }, ) };

/* A process, a supervisor with a tree below it, and a start function. */
CLAUSE(ISO_03)
{
    cop_term error;
    cop_pid pid;
    int os_pid;

    begin();
    CHECK_EQ_INT(
        start_with(&pid, (cop_child){ .name = "p", .process = process_main, .arg = "[x]" }, &error),
        0);
    EXPECT("{process, [x], Pid}", pid);
    CHECK(whereis("p").id == pid.id);
    cop_send(pid, cop("stop"));
    CHECK_TERM(reason_of_exit(pid), "normal");

    CHECK_EQ_INT(start_with(&pid, (cop_child){ .name = "below", .supervisor = &below }, &error), 0);
    os_pid = cop_isolate_os_pid(pid);
    CHECK(cop_match(cop_supervisor_count_children(cop_dest_pid(pid)),
        "[{specs, 1}, {active, 1}, {supervisors, 0}, {workers, 1}]"));
    CHECK_EQ_INT(cop_supervisor_terminate_child(cop_dest_pid(top), cop("below"), NULL), 0);
    CHECK(is_gone(os_pid));

    CHECK_EQ_INT(
        start_with(&pid,
            (cop_child){ .name = "f", .start = start_with_info, .context = &server, .arg = "1" },
            &error),
        0);
    cop_send(pid, cop("{ping, Self}", cop_self()));
    EXPECT("{pong, Pid}", pid);
}

static void later_main(cop_term arg)
{
    cop_pid tester;

    cop_must(cop_to_pid(&tester, arg));
    cop_send(tester, cop("{reply, Reply}", ask("server", cop("later"))));
}

/* Calls of every kind, casts and messages, in order. */
CLAUSE(ISO_04)
{
    cop_term message;
    cop_ref request;

    begin();
    CHECK_TERM(ask("server", cop("incr")), "1");
    CHECK_TERM(cop_call("server", cop("incr"), .timeout_ms = COP_INFINITY), "2");
    CHECK_TERM(ask("server", cop("{echo, [a, #{b => <<1, 2>>}, 1.5]}")), "[a,#{b => <<1,2>>},1.5]");
    CHECK_TERM(ask("server", cop("later")), "later");
    cop_spawn(later_main, cop_from_pid(cop_self()));
    EXPECT("{reply, later}");
    request = cop_send_request("server", cop("incr"));
    CHECK(cop_receive_response(&message, request, WAIT_MS) == COP_RESPONSE);
    CHECK_TERM(message, "3");
    for (int i = 0; i < 1000; i++)
        cop_cast("server", cop("{add, 1}"));
    CHECK_TERM(ask("server", cop("incr")), "1004");
    for (int i = 0; i < 100; i++)
        cop_send("server", cop("{number, I}", i));
    for (int i = 0; i < 100; i++) {
        cop_term number;

        EXPECT("{'$gen_cast', {info, {number, N}}}", &number);
        CHECK(cop_equal(number, cop_int(i)));
    }
}

/* Its own pid, as it says it: in init, in a reply, in a message, inside other terms. */
CLAUSE(ISO_05)
{
    cop_term error, self;
    cop_pid pid, said;

    begin();
    CHECK_EQ_INT(start_with(&pid, (cop_child){ .name = "a", .arg = "hello" }, &error), 0);
    EXPECT("{'$gen_cast', {hello, Pid}}", pid);
    self = ask("a", cop("self"));
    CHECK(cop_to_pid(&said, self) && said.id == pid.id && said.node == 0);
    ask("a", cop("{send, tester, [self]}"));
    EXPECT("[self]");
    CHECK_TERM(ask("a", cop("{echo, Pid}", pid)), cop_show(cop_from_pid(pid)));
}

/* Names of the node, and pids and aliases of it. */
CLAUSE(ISO_06)
{
    cop_pid pid = cop_self();
    cop_ref alias, ref;
    cop_term term;

    begin();
    ask("server", cop("{send, tester, by_name}"));
    EXPECT("by_name");
    ask("server", cop("{send, Pid, by_pid}", pid));
    EXPECT("by_pid");
    alias = cop_alias();
    ask("server", cop("{send, Alias, by_alias}", alias));
    EXPECT("by_alias");
    CHECK_TERM(ask("server", cop("{send, server, x}")), "ok"); /* its own, there */
    EXPECT("{'$gen_cast', {info, x}}");
    term = ask("server", cop("{monitor, tester}"));
    CHECK(cop_type_of(term) == COP_TYPE_REFERENCE);
    ref = cop_send_request("server", cop("{call_tester, hi}"));
    EXPECT("{'$gen_call', From, hi}", &term);
    cop_reply_to(term, cop("there"));
    CHECK(cop_receive_response(&term, ref, WAIT_MS) == COP_RESPONSE);
    CHECK_TERM(term, "there");
}

/* From the parent, from others, to one that traps exits and to one that does not. */
CLAUSE(ISO_07)
{
    cop_term error;
    cop_pid pid;

    begin();
    CHECK_EQ_INT(start_with(&pid, (cop_child){ .name = "t", .arg = "trap" }, &error), 0);
    cop_exit_signal(pid, cop("some"));
    EXPECT("{'$gen_cast', {info, {'EXIT', Self, some}}}", cop_self());
    CHECK_EQ_INT(cop_supervisor_terminate_child(cop_dest_pid(top), cop("server"), NULL), 0);
    CHECK_EQ_INT(whereis("server").id, 0);

    CHECK_EQ_INT(start_with(&pid, (cop_child){ .name = "u", .arg = "1" }, &error), 0);
    cop_exit_signal(pid, cop("normal"));
    CHECK_TERM(ask("u", cop("incr")), "2");
    cop_exit_signal(pid, cop("bad"));
    CHECK_TERM(reason_of_exit(pid), "bad");
}

static const cop_supervisor trapping = { .name = "trapping",
    .children =
        COP_CHILDREN({ .name = "t", .gen_server = &server, .arg = "trap", .isolate = true }, ) };

/* The parent's shutdown is the parent's there: a server that traps exits terminates. */
CLAUSE(ISO_07_parent)
{
    cop_pid pid;

    cop_must(cop_register("tester", cop_self()) == 0);
    cop_trap_exit(true);
    cop_must(cop_supervisor_start_link(&pid, &trapping, NULL) == 0);
    cop_exit_signal(pid, cop("shutdown"));
    EXPECT("{'$gen_cast', {terminate, shutdown}}");
    EXPECT("{'EXIT', Pid, shutdown}", pid);
}

/* Links and monitors, from here to there and from there to here. */
CLAUSE(ISO_08)
{
    cop_term error, reason;
    cop_pid pid, here;
    cop_ref ref;

    begin();
    here = cop_spawn(obedient_main, cop_nil());
    ask("server", cop("{monitor, Pid}", here));
    cop_send(here, cop("{exit, gone}"));
    EXPECT("{'$gen_cast', {info, {'DOWN', _, process, Here, gone}}}", here);

    CHECK_EQ_INT(start_with(&pid, (cop_child){ .name = "l", .arg = "trap" }, &error), 0);
    here = cop_spawn(obedient_main, cop_nil());
    ask("l", cop("{link, Pid}", here));
    cop_send(here, cop("{exit, gone}"));
    EXPECT("{'$gen_cast', {info, {'EXIT', Here, gone}}}", here);

    cop_trap_exit(true);
    cop_link(pid);
    ref = cop_monitor(pid);
    cop_send("l", cop("x"));
    EXPECT("{'$gen_cast', {info, x}}");
    CHECK_TERM(ends("l", cop("{exit, why}")), "why");
    EXPECT("{'EXIT', Pid, why}", pid);
    EXPECT("{'DOWN', Ref, process, Pid, Reason}", ref, pid, &reason);
    CHECK_TERM(reason, "why");

    here = cop_spawn(idle_main, cop_nil()); /* it ends with a link from there */
    ref = cop_monitor(here);
    ask("server", cop("{link, Pid}", here));
    CHECK_TERM(ends("server", cop("{exit, both}")), "both");
    EXPECT("{'DOWN', Ref, process, _, Reason}", ref, &reason);
    CHECK_TERM(reason, "both");
}

/* The state shows through, and a suspended server leaves what comes. */
CLAUSE(ISO_09)
{
    cop_term reply;

    begin();
    cop_cast("server", cop("{add, 5}"));
    CHECK_TERM(cop_sys_get_state("server"), "#{n => 5}");
    CHECK(cop_match(cop_sys_get_status("server"), "{status, _, {module, gen_server}, _}"));
    cop_sys_suspend("server");
    CHECK(!cop_try_call(&reply, "server", cop("incr"), .timeout_ms = 50));
    cop_sys_resume("server");
    CHECK_TERM(ask("server", cop("{echo, on}")), "on");
}

static void report(const cop_log_event *event, void *arg)
{
    cop_term label;

    (void)arg;
    if (!cop_is_none(event->report) && cop_match(event->report, "#{label := L}", &label))
        cop_cast("tester", cop("{report, Label}", label));
}

/* A crash there is reported to the handler here. */
CLAUSE(ISO_10)
{
    cop_pid pid;

    cop_log_set_level(COP_LOG_ERROR);
    cop_log_set_handler(report, NULL);
    begin();
    pid = whereis("server");
    ends("server", cop("{exit, oops}"));
    EXPECT("{'$gen_cast', {report, {gen_server, terminate}}}");
    EXPECT("{'$gen_cast', {report, {proc_lib, crash}}}");
    EXPECT("{'$gen_cast', {report, {supervisor, child_terminated}}}");
    again("server", pid);
}

static size_t size_of(cop_term binary)
{
    cop_bytes bytes = { NULL, 0 };

    cop_to_bytes(&bytes, binary);
    return bytes.size;
}

/* The reply of a megabyte, then the end; and what stdio held is in the file. */
CLAUSE(ISO_11)
{
    char path[] = "/tmp/isolate-XXXXXX", text[16] = "";
    cop_term error, reply;
    cop_pid pid;
    int fd;

    begin();
    CHECK_EQ_INT(start_with(&pid, (cop_child){ .name = "a", .arg = "0" }, &error), 0);
    reply = ask("a", cop("{stop, {shutdown, done}, N}", LARGE));
    CHECK_EQ_INT((int64_t)size_of(reply), LARGE);
    reason_of_exit(pid);

    CHECK_EQ_INT(start_with(&pid, (cop_child){ .name = "b", .arg = "0" }, &error), 0);
    fd = mkstemp(path);
    CHECK_TERM(ends("b", cop("{write, Path}", cop_text(path))), "normal");
    CHECK_EQ_INT(read(fd, text, sizeof text - 1), 7);
    CHECK_EQ_STR(text, "written");
    close(fd);
    unlink(path);
    CHECK_EQ_INT(start_with(&pid, (cop_child){ .name = "c", .arg = "0" }, &error), 0);
    CHECK_TERM(ends("c", cop("{exit, {shutdown, x}}")), "{shutdown,x}");
    CHECK_EQ_INT(start_with(&pid, (cop_child){ .name = "d", .arg = "0" }, &error), 0);
    CHECK_TERM(ends("d", cop("{exit, kill}")), "kill");
}

/* The operating-system process ends first: by a signal, or by itself; a call ends with it. */
CLAUSE(ISO_12)
{
    cop_term reply;
    cop_pid pid;

    begin();
    pid = whereis("server");
    CHECK_TERM(ends("server", cop("{raise, 9}")), "{signal,sigkill}");
    pid = again("server", pid);
    CHECK_TERM(ends("server", cop("{raise, 15}")), "{signal,sigterm}");
    pid = again("server", pid);
    CHECK_TERM(ends("server", cop("{os_exit, 3}")), "{exit_status,3}");
    pid = again("server", pid);
    CHECK(!cop_try_call(&reply, "server", cop("{raise, 9}"), .timeout_ms = WAIT_MS));
    CHECK_TERM(reply, "{signal,sigkill}");
    again("server", pid);
    CHECK_TERM(ask("server", cop("incr")), "1");
}

/* Nothing remains of one that was killed, nor of one whose supervisor ended. */
CLAUSE(ISO_13)
{
    cop_pid pid;
    int os_pid;

    begin();
    pid = whereis("server");
    os_pid = cop_isolate_os_pid(pid);
    cop_exit_signal(pid, cop("kill"));
    CHECK(is_gone(os_pid));
    pid = again("server", pid);
    os_pid = cop_isolate_os_pid(pid);
    cop_trap_exit(true);
    cop_exit_signal(top, cop("kill"));
    CHECK(is_gone(os_pid));
    cop_receive_match("{'EXIT', _, _}");
}

/* Memory is short there, and only there. */
CLAUSE(ISO_14)
{
    cop_term error, got;
    cop_pid pid;
    int64_t bytes = 0;
    void *here;

    if (is_sanitized())
        return; /* it needs memory and calls of its own */
    begin();
    CHECK_EQ_INT(
        start_with(&pid,
            (cop_child){ .name = "m", .arg = "0", .limits = { .memory_max_bytes = 64 << 20 } },
            &error),
        0);
    got = ask("m", cop("{allocate, N}", 256 << 20));
    CHECK(cop_to_int(&bytes, got) && bytes > 16 << 20 && bytes < 66 << 20);
    CHECK(ask("server", cop("{allocate, N}", 128 << 20)).word == cop_int(128 << 20).word);
    here = malloc(128 << 20);
    CHECK(here);
    free(here);
}

/* A second of processor time. */
CLAUSE(ISO_15)
{
    cop_term error;
    cop_pid pid;

    begin();
    CHECK_EQ_INT(start_with(&pid,
                     (cop_child){ .name = "t", .arg = "0", .limits = { .cpu_max_s = 1 } }, &error),
        0);
    CHECK_TERM(ends("t", cop("spin")), "{signal,sigxcpu}");
}

/* Descriptors. */
CLAUSE(ISO_16)
{
    cop_term error;
    cop_pid pid;

    begin();
    CHECK_EQ_INT(
        start_with(&pid, (cop_child){ .name = "f", .arg = "0", .limits = { .open_files_max = 64 } },
            &error),
        0);
    CHECK_TERM(ask("f", cop("open")), "{emfile,true}");
}

/* It computes and answers; it opens nothing, runs nothing, and signals nobody. */
CLAUSE(ISO_17)
{
    const cop_child child = {
        .name = "s", .arg = "0", .limits = { .seccomp = COP_SECCOMP_COMPUTE }
    };
    cop_term error;
    cop_pid pid;

    if (is_sanitized())
        return; /* it needs memory and calls of its own */
    begin();
    CHECK_EQ_INT(start_with(&pid, child, &error), 0);
    CHECK_TERM(ask("s", cop("later")), "later");
    CHECK(ask("s", cop("{allocate, N}", 8 << 20)).word == cop_int(8 << 20).word);
    CHECK(ask("s", cop("open_file")).word == cop_int(-EPERM).word);
    CHECK_TERM(ends("s", cop("{exit, oops}")), "oops");
    CHECK_EQ_INT(start_with(&pid, child, &error), 0);
    CHECK_TERM(ends("s", cop("exec")), "{signal,sigsys}");
    CHECK_EQ_INT(start_with(&pid, child, &error), 0);
    CHECK_TERM(ends("s", cop("{kill, N}", (int64_t)getpid())), "{signal,sigsys}");
}

/* What is no frame ends it. */
CLAUSE(ISO_18_breach)
{
    cop_pid pid;
    cop_term reason;

    begin();
    pid = whereis("server");
    reason = ends("server", cop("babble"));
    CHECK(cop_match(reason, "{exit_status, 0}") || cop_match(reason, "{isolate, connection_lost}"));
    again("server", pid);
    CHECK_TERM(ask("server", cop("incr")), "1");
}

/* It writes over its own memory, the runtime's too. */
CLAUSE(ISO_18)
{
    cop_pid pid;
    cop_term reason;

    if (is_sanitized())
        return; /* it needs memory and calls of its own */
    begin();
    pid = whereis("server");
    reason = ends("server", cop("smash"));
    CHECK(cop_match(reason, "{signal, _}") || cop_match(reason, "{fault, _, _, _}") ||
          cop_match(reason, "{exit_status, _}") || cop_match(reason, "{isolate, _}"));
    again("server", pid);
    CHECK_TERM(ask("server", cop("incr")), "1");
}

/* A signal is sent at once, and each thread stops when it comes to that. */
static void stop_now(int os_pid)
{
    char path[32], text[256] = "";

    snprintf(path, sizeof path, "/proc/%d/stat", os_pid);
    kill(os_pid, SIGSTOP);
    for (int i = 0; i < WAIT_MS && !strstr(text, ") T "); i++) {
        FILE *file = fopen(path, "r");

        if (file && !fgets(text, sizeof text, file))
            text[0] = 0;
        if (file)
            fclose(file);
        cop_sleep(1);
    }
    cop_sleep(50);
}

/* It is stopped: others are served, and its supervisor ends it in time. */
CLAUSE(ISO_20)
{
    cop_term error, reply;
    cop_pid pid;
    int os_pid;

    begin();
    CHECK_EQ_INT(
        start_with(&pid, (cop_child){ .name = "h", .arg = "0", .shutdown_ms = 50 }, &error), 0);
    os_pid = cop_isolate_os_pid(pid);
    stop_now(os_pid);
    CHECK(!cop_try_call(&reply, "h", cop("incr"), .timeout_ms = 50));
    CHECK_TERM(reply, "timeout");
    CHECK_TERM(ask("server", cop("incr")), "1");
    CHECK_EQ_INT(cop_supervisor_terminate_child(cop_dest_name("one"), cop("h"), NULL), 0);
    CHECK(is_gone(os_pid));
}

/* More often than there are names for parts of one place. */
CLAUSE(ISO_21)
{
    cop_pid first = { 0, 0 }, pid = { 0, 0 };

    begin();
    for (int i = 0; i < 80; i++) {
        pid = again("server", pid);
        if (i == 0)
            first = pid;
        cop_exit_signal(pid, cop("kill"));
        cop_turn_end();
    }
    pid = again("server", pid);
    CHECK(!cop_is_alive(first));
    CHECK_TERM(ask("server", cop("incr")), "1");
}

static int simulated_main(int argc, char **argv)
{
    int64_t os_pid = 0;

    (void)argc, (void)argv;
    begin();
    cop_to_int(&os_pid, ask("server", cop("os_pid")));
    return os_pid == getpid() ? 0 : 1;
}

/* In a simulation it is an ordinary child (also: ISO-22). */
TEST(ISO_22)
{
    cop_log_set_level(COP_LOG_EMERGENCY);
    CHECK_EQ_INT(cop_isolate_prepare(), 0);
    CHECK_EQ_INT(cop_simulate(1, simulated_main), 0);
    cop_log_set_level(COP_LOG_NOTICE);
}
