/* SPDX-License-Identifier: Apache-2.0 */
/* Count the lines of files, each in a process of its own. The parent monitors them: a result is a
 * message, and so is the news that one could not give any.
 *
 * // args: LICENSE .no-such-file LICENSE
 */
#include <coppice.h>

#include <inttypes.h>

/* The child: sends {lines, Self, Count} to its parent, or exits with the reason why not. */
static void count_lines(cop_term arg)
{
    cop_bytes name, text;
    cop_pid parent;
    int error;

    cop_must(cop_match(arg, "{Parent, Name}", &parent, &name));
    error = cop_file_read(&text, name);
    if (error < 0)
        cop_exit(cop("{file_error, Why}", cop_text(cop_error_text(error))));
    cop_send(parent, cop("{lines, Self, Count}", cop_self(), cop_bytes_count(text, '\n')));
}

/* What became of child: true and its count, false and why it has none. */
static bool result_of(int64_t *ret_lines, cop_term *ret_reason, cop_pid child, cop_ref monitor)
{
    cop_receive_scan scan = cop_receive_begin(COP_INFINITY);
    cop_term message;

    while (cop_receive_next(&message, &scan)) {
        bool counted = cop_match(message, "{lines, Child, Count}", child, ret_lines);

        if (counted ||
            cop_match(message, "{'DOWN', Ref, process, _, Reason}", monitor, ret_reason)) {
            cop_receive_take(&scan);
            cop_demonitor_flush(monitor);
            return counted;
        }
    }
    return false;
}

static int wc(int argc, char **argv)
{
    int files = argc - 1;
    cop_pid *children = cop_alloc((size_t)argc * sizeof *children);
    cop_ref *monitors = cop_alloc((size_t)argc * sizeof *monitors);
    int64_t lines, total = 0;
    cop_term reason;

    for (int i = 0; i < files; i++)
        children[i] = cop_spawn_monitor(
            count_lines, cop("{Parent, Name}", cop_self(), cop_text(argv[i + 1])), &monitors[i]);
    for (int i = 0; i < files; i++) {
        if (result_of(&lines, &reason, children[i], monitors[i])) {
            printf("%" PRId64 " %s\n", lines, argv[i + 1]);
            total += lines;
        } else {
            printf("- %s: %s\n", argv[i + 1], cop_show(reason));
        }
    }
    printf("%" PRId64 " total\n", total);
    // expect: 202 LICENSE
    // expect: - .no-such-file: {file_error,<<"no such file or directory">>}
    // expect: 202 LICENSE
    // expect: 404 total
    return 0;
}

int main(int argc, char **argv)
{
    return cop_run_main(wc, argc, argv);
}
