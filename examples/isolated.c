/* SPDX-License-Identifier: Apache-2.0 */
/* A library that cannot be trusted, in an operating-system process of its own: when it smashes its
 * heap, leaks, or ends the program, that is a restart of one server. */
#include <coppice.h>

#include <stdlib.h>

/* What somebody else wrote: it says how many words there are, and on a bad day goes too far. */
static int legacy_count_words(const char *text, size_t size)
{
    int words = 0;

    for (size_t i = 0; i < size; i++) {
        if (text[i] == '!')
            exit(42); /* "cannot happen" */
        words += text[i] != ' ' && (i == 0 || text[i - 1] == ' ');
    }
    return words;
}

static cop_step init(void *state, cop_term arg)
{
    (void)state, (void)arg;
    return cop_ok();
}

static cop_step handle_call(void *state, cop_term request)
{
    cop_bytes text;

    (void)state;
    if (cop_match(request, "{count, Text}", &text))
        return cop_reply(legacy_count_words(text.data, text.size));
    return cop_unhandled(request);
}

static const cop_gen_server counter = {
    .name = "word_counter", .init = init, .handle_call = handle_call
};

static void show(const char *text)
{
    cop_term answer;

    if (cop_try_call(&answer, "word_counter", cop("{count, Text}", cop_text(text))))
        printf("%s: %s words\n", text, cop_show(answer));
    else
        printf("%s: the server ended with %s\n", text, cop_show(answer));
}

static void client(cop_term arg)
{
    cop_pid pid;

    (void)arg;
    show("one two three"); // expect: one two three: 3 words
    show("oh no!");        // expect: oh no!: the server ended with {exit_status,42}
    while (!cop_whereis(&pid, cop_atom_new("word_counter")))
        cop_sleep(1);
    show("here again"); // expect: here again: 2 words
    cop_stop_node(0);
}

static const cop_supervisor tree = {
    .strategy = COP_ONE_FOR_ONE,
    .children = COP_CHILDREN({ .name = "word_counter",
                                 .gen_server = &counter,
                                 .isolate = true,
                                 .limits = { .memory_max_bytes = 64 << 20, .cpu_max_s = 10 } },
        { .name = "client", .process = client, .restart = COP_TRANSIENT }, ),
};

int main(void)
{
    cop_log_set_level(COP_LOG_EMERGENCY);
    return cop_run(&tree);
}
