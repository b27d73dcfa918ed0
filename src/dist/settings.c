/* SPDX-License-Identifier: Apache-2.0 */
/* Cookies and routes: what is set before, or while, this is a node (D-13, D-14, D-24). Layer 6. */
#include <coppice/log.h>

#include "dist/nodes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/thread.h"

enum { COOKIE_SIZE = 256, HOST_SIZE = 256 };

struct setting { /* of a node; node 0: of all that have none of their own */
    struct setting *next;
    uint32_t node;
    bool has_cookie;
    int port;
    char cookie[COOKIE_SIZE], host[HOST_SIZE];
};

struct cop__net cop__net;
static struct setting *settings;
static struct cop__spinlock lock;

static struct setting *find(uint32_t node)
{
    struct setting *setting = settings;

    while (setting && setting->node != node)
        setting = setting->next;
    return setting;
}

/* With the lock held. NULL: no memory. */
static struct setting *find_or_make(uint32_t node)
{
    struct setting *setting = find(node);

    if (setting || !(setting = calloc(1, sizeof *setting)))
        return setting;
    setting->node = node;
    setting->next = settings;
    settings = setting;
    return setting;
}

static bool enter(void)
{
    bool entered = cop__enter_unless_inside();

    cop__spin_lock(&lock);
    return entered;
}

static void leave(bool entered)
{
    cop__spin_unlock(&lock);
    if (entered)
        cop__leave();
}

void cop__cookie_set(uint32_t node, const char *cookie)
{
    bool entered = enter();
    struct setting *setting = find_or_make(node);

    if (setting) {
        snprintf(setting->cookie, sizeof setting->cookie, "%s", cookie);
        setting->has_cookie = true;
    }
    leave(entered);
}

int cop__cookie_for(char ret_cookie[COOKIE_SIZE], const char *node)
{
    cop_atom atom = { 0 };
    bool known = cop_atom_existing(&atom, (cop_bytes){ node, strlen(node) }), entered = enter();
    const struct setting *setting = known ? find(atom.index) : NULL;
    bool found;

    if (!setting || !setting->has_cookie)
        setting = find(0);
    found = setting && setting->has_cookie;
    if (found)
        memcpy(ret_cookie, setting->cookie, COOKIE_SIZE);
    leave(entered);
    return found ? 0 : -COP_ENOTFOUND;
}

int cop_set_cookie(cop_atom node, const char *cookie)
{
    if (!cookie || strlen(cookie) >= COOKIE_SIZE)
        return -COP_EBADARG;
    if (!cop__net.options)
        return -COP_ENOTFOUND;
    cop__cookie_set(node.index, cookie);
    return 0;
}

int cop_net_kernel_route(cop_atom node, const char *host, int port)
{
    struct setting *setting;
    bool entered;

    if (port < 1 || port > 65535 || !host || strlen(host) >= HOST_SIZE)
        return -COP_EBADARG;
    entered = enter();
    setting = find_or_make(node.index);
    if (setting) {
        memcpy(setting->host, host, strlen(host) + 1);
        setting->port = port;
    }
    leave(entered);
    return setting ? 0 : -COP_ESYSTEMLIMIT;
}

int cop__route_find(char ret_host[HOST_SIZE], uint32_t node)
{
    bool entered = enter();
    const struct setting *setting = find(node);
    int port = setting ? setting->port : 0;

    if (port)
        memcpy(ret_host, setting->host, HOST_SIZE);
    leave(entered);
    return port;
}

/* --- Where a cookie comes from
 * -------------------------------------------------------------------- */

/* 0; -ENOENT; -EACCES: others may read it; -COP_EBADARG: empty or too long. */
static int read_cookie(char ret_cookie[COOKIE_SIZE], const char *path)
{
    struct stat status;
    ssize_t size;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -ENOENT;
    if (fstat(fd, &status) != 0 || status.st_mode & (S_IRWXG | S_IRWXO)) {
        close(fd);
        cop_log(COP_LOG_ERROR,
            "the cookie file %s is refused: others than its owner may read it (chmod 400 it)",
            path);
        return -EACCES;
    }
    size = read(fd, ret_cookie, COOKIE_SIZE);
    close(fd);
    while (size > 0 && (ret_cookie[size - 1] == '\n' || ret_cookie[size - 1] == '\r'))
        size--;
    if (size <= 0 || size >= COOKIE_SIZE || memchr(ret_cookie, 0, (size_t)size)) {
        cop_log(COP_LOG_ERROR, "the cookie file %s is refused: a cookie has 1 to 255 bytes", path);
        return -COP_EBADARG;
    }
    ret_cookie[size] = 0;
    return 0;
}

int cop__cookie_find(char ret_cookie[COOKIE_SIZE], const char *option)
{
    const char *home = getenv("HOME"), *config = getenv("XDG_CONFIG_HOME");
    const char *given = option ? option : getenv("COPPICE_COOKIE");
    char path[4096];
    int error = -ENOENT;

    if (given) {
        if (!*given || strlen(given) >= COOKIE_SIZE)
            return -COP_EBADARG;
        memcpy(ret_cookie, given, strlen(given) + 1);
        return 0;
    }
    if (home && snprintf(path, sizeof path, "%s/.erlang.cookie", home) < (int)sizeof path)
        error = read_cookie(ret_cookie, path);
    if (error == -ENOENT && home && !config &&
        snprintf(path, sizeof path, "%s/.config/erlang/.erlang.cookie", home) < (int)sizeof path)
        error = read_cookie(ret_cookie, path);
    if (error == -ENOENT && config &&
        snprintf(path, sizeof path, "%s/erlang/.erlang.cookie", config) < (int)sizeof path)
        error = read_cookie(ret_cookie, path);
    if (error == -ENOENT)
        cop_log(
            COP_LOG_ERROR, "there is no cookie: set .cookie, COPPICE_COOKIE or ~/.erlang.cookie");
    return error;
}
