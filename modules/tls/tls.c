/* SPDX-License-Identifier: Apache-2.0 */
/* coppice-tls: OpenSSL over a socket of Coppice.
 *
 * OpenSSL sees memory in place of a socket, so it never waits; what comes and goes is moved here,
 * by calls that park the process and not its thread. One process reads and another writes, and
 * OpenSSL wants one at a time: `state` is held while it works, and never over a wait. `sending` is
 * held from the making of a record until it is sent, or records would overtake each other; who
 * reads does not wait for it, or two nodes whose writers wait for each other would stand still.
 * What the reader leaves to be sent (an alert, a new key) goes with the next that is written. */
#include <coppice/tls.h>

#include <coppice/fault.h>
#include <coppice/log.h>
#include <coppice/mutex.h>
#include <coppice/timer.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD = 16 << 10, RECORD_ROOM = RECORD + 512, STACK = 256 << 10 };

struct stream {
    _Atomic(int) users;
    SSL *ssl;
    BIO *in, *out; /* the SSL's: what has come, what is to go */
    cop_socket socket;
    cop_mutex state, sending;
    unsigned char plain[RECORD];       /* of who sends */
    unsigned char record[RECORD_ROOM]; /* the same */
    unsigned char came[RECORD_ROOM];   /* of who reads */
};

/* --- What went wrong -----------------------------------------------------------------------------
 */

static void complain(const char *what, const char *about)
{
    char text[256] = "no reason given";
    unsigned long error = ERR_get_error();

    if (error)
        ERR_error_string_n(error, text, sizeof text);
    ERR_clear_error();
    cop_log(COP_LOG_ERROR, "TLS: %s %s: %s", what, about, text);
}

static void complain_of_peer(struct stream *stream, const char *host)
{
    long verified = SSL_get_verify_result(stream->ssl);
    char peer[64];

    if (cop_tcp_peer(stream->socket, peer, sizeof peer) < 0)
        memcpy(peer, "?", 2);
    if (verified != X509_V_OK)
        cop_log(COP_LOG_ERROR, "TLS: the certificate of %s%s%s is refused: %s", host ? host : "",
            host ? " at " : "", peer, X509_verify_cert_error_string(verified));
    else
        complain("no handshake with", peer);
    ERR_clear_error();
}

/* --- Keys and certificates -----------------------------------------------------------------------
 */

static bool load(SSL_CTX *context, const struct cop_tls_config *config)
{
    if (!config || !config->certificate_file || !config->key_file ||
        (!config->ca_file && !config->verify_none)) {
        cop_log(COP_LOG_ERROR, "TLS: a node needs certificate_file, key_file and ca_file");
        return false;
    }
    if (SSL_CTX_use_certificate_chain_file(context, config->certificate_file) != 1) {
        complain("cannot use the certificate", config->certificate_file);
        return false;
    }
    if (SSL_CTX_use_PrivateKey_file(context, config->key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        complain("cannot use the key", config->key_file);
        return false;
    }
    if (config->ca_file && SSL_CTX_load_verify_locations(context, config->ca_file, NULL) != 1) {
        complain("cannot use the CA", config->ca_file);
        return false;
    }
    if (config->ca_file)
        SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(config->ca_file));
    return true;
}

static void *open_context(const void *config)
{
    const struct cop_tls_config *tls = config;
    SSL_CTX *context = SSL_CTX_new(TLS_method());

    if (!context) {
        complain("cannot begin", "");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (!load(context, tls)) {
        SSL_CTX_free(context);
        return NULL;
    }
    if (!tls->verify_none)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return context;
}

static void close_context(void *context)
{
    SSL_CTX_free(context);
}

/* --- Streams -------------------------------------------------------------------------------------
 */

static void hold(void *memory)
{
    struct stream *stream = memory;

    atomic_fetch_add(&stream->users, 1);
}

static void release(void *memory)
{
    struct stream *stream = memory;

    if (atomic_fetch_sub(&stream->users, 1) != 1)
        return;
    SSL_free(stream->ssl); /* with both BIOs */
    free(stream);
}

static bool is_address(const char *host)
{
    unsigned char address[16];

    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* Who connects wants the certificate to name the host; no name is sent when it is an address. */
static bool expect_host(SSL *ssl, const char *host)
{
    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static struct stream *new_stream(
    SSL_CTX *context, cop_socket socket, bool is_client, const char *host)
{
    struct stream *stream = calloc(1, sizeof *stream);

    if (!stream)
        return NULL;
    stream->socket = socket;
    atomic_store(&stream->users, 1);
    stream->ssl = SSL_new(context);
    stream->in = BIO_new(BIO_s_mem());
    stream->out = BIO_new(BIO_s_mem());
    if (!stream->ssl || !stream->in || !stream->out) {
        BIO_free(stream->in);
        BIO_free(stream->out);
        SSL_free(stream->ssl);
        free(stream);
        return NULL;
    }
    SSL_set_bio(stream->ssl, stream->in, stream->out);
    if (is_client)
        SSL_set_connect_state(stream->ssl);
    else
        SSL_set_accept_state(stream->ssl);
    if (is_client && !expect_host(stream->ssl, host)) {
        release(stream);
        return NULL;
    }
    return stream;
}

/* A piece of what is to go; 0: nothing more. */
static size_t take_record(struct stream *stream)
{
    int count = BIO_read(stream->out, stream->record, sizeof stream->record);

    return count > 0 ? (size_t)count : 0;
}

/* Only one process has the stream yet. */
static bool flush(struct stream *stream)
{
    size_t size;

    while ((size = take_record(stream)) > 0)
        if (cop_tcp_send(stream->socket, stream->record, size) < 0)
            return false;
    return true;
}

/* OpenSSL works, and is not interrupted by the end of the process. */
static int step_handshake(struct stream *stream)
{
    int done;

    cop_unsafe_begin();
    ERR_clear_error();
    done = SSL_do_handshake(stream->ssl);
    done = done == 1 ? SSL_ERROR_NONE : SSL_get_error(stream->ssl, done);
    cop_unsafe_end();
    return done;
}

static bool handshake(struct stream *stream, int64_t timeout_ms, const char *host)
{
    int64_t end_ms = cop_monotonic_ms() + timeout_ms;

    for (;;) {
        int error = step_handshake(stream);
        int64_t left_ms = end_ms - cop_monotonic_ms(), count;

        if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ) {
            complain_of_peer(stream, host);
            (void)flush(stream); /* the alert that says why */
            return false;
        }
        if (!flush(stream))
            return false;
        if (error == SSL_ERROR_NONE)
            return true;
        if (left_ms <= 0)
            return false;
        count = cop_tcp_recv(stream->socket, stream->came, sizeof stream->came, left_ms);
        if (count < 0 || BIO_write(stream->in, stream->came, (int)count) != count)
            return false;
    }
}

/* The stream belongs to the caller by a cop_defer until the handshake is over: it may be ended. */
static void *connect_stream(
    void *context, cop_socket socket, bool is_client, const char *host, int64_t timeout_ms)
{
    struct stream *stream = new_stream(context, socket, is_client, host);
    bool good;

    if (!stream) {
        complain("no memory for a connection", "");
        return NULL;
    }
    cop_defer(release, stream);
    good = handshake(stream, timeout_ms, host);
    cop_defer_cancel(release, stream);
    if (good)
        return stream;
    release(stream);
    return NULL;
}

/* --- Reading and writing -------------------------------------------------------------------------
 */

/* 0 and *ret_count: nothing whole is there. Negative: it is over. */
static int read_some(struct stream *stream, void *buffer, size_t size, size_t *ret_count)
{
    int error = 0, result;

    *ret_count = 0;
    if (cop_mutex_lock(&stream->state) != 0)
        return -COP_ECLOSED; /* the writer has died in the middle */
    cop_unsafe_begin();
    ERR_clear_error();
    result = SSL_read_ex(stream->ssl, buffer, size, ret_count);
    if (result != 1)
        error = SSL_get_error(stream->ssl, result);
    ERR_clear_error();
    cop_unsafe_end();
    cop_mutex_unlock(&stream->state);
    return error == 0 || error == SSL_ERROR_WANT_READ ? 0 : -COP_ECLOSED;
}

static int64_t recv_stream(void *memory, void *buffer, size_t size, int64_t timeout_ms)
{
    struct stream *stream = memory;

    for (;;) {
        size_t count;
        int error = read_some(stream, buffer, size, &count);
        int64_t came;

        if (error < 0)
            return error;
        if (count)
            return (int64_t)count;
        came = cop_tcp_recv(stream->socket, stream->came, sizeof stream->came, timeout_ms);
        if (came < 0)
            return came;
        if (cop_mutex_lock(&stream->state) != 0)
            return -COP_ECLOSED;
        error = BIO_write(stream->in, stream->came, (int)came) == came ? 0 : -COP_ESYSTEMLIMIT;
        cop_mutex_unlock(&stream->state);
        if (error < 0)
            return error;
    }
}

static int write_some(struct stream *stream, size_t size)
{
    size_t written = 0;
    int result;

    if (cop_mutex_lock(&stream->state) != 0)
        return -COP_ECLOSED;
    cop_unsafe_begin();
    ERR_clear_error();
    result = SSL_write_ex(stream->ssl, stream->plain, size, &written);
    ERR_clear_error();
    cop_unsafe_end();
    cop_mutex_unlock(&stream->state);
    return result == 1 && written == size ? 0 : -COP_ECLOSED;
}

/* All records that have been made. Only who sends takes from there. */
static int send_records(struct stream *stream)
{
    for (;;) {
        size_t size;
        int error;

        if (cop_mutex_lock(&stream->state) != 0)
            return -COP_ECLOSED;
        size = take_record(stream);
        cop_mutex_unlock(&stream->state);
        if (!size)
            return 0;
        error = cop_tcp_send(stream->socket, stream->record, size);
        if (error < 0)
            return error;
    }
}

static int send_all(void *memory, const cop_bytes *pieces, size_t count)
{
    struct stream *stream = memory;
    size_t filled = 0;
    int error = 0;

    if (cop_mutex_lock(&stream->sending) != 0)
        return -COP_ECLOSED;
    for (size_t i = 0; i < count && error == 0; i++) {
        const char *at = pieces[i].data;
        size_t left = pieces[i].size;

        while (left && error == 0) {
            size_t part = left < RECORD - filled ? left : RECORD - filled;

            memcpy(stream->plain + filled, at, part);
            filled += part;
            at += part;
            left -= part;
            if (filled < RECORD)
                continue;
            error = write_some(stream, filled);
            if (error == 0)
                error = send_records(stream);
            filled = 0;
        }
    }
    if (filled && error == 0)
        error = write_some(stream, filled);
    if (error == 0)
        error = send_records(stream);
    cop_mutex_unlock(&stream->sending);
    return error;
}

const cop_dist_transport cop_dist_tls = {
    .name = "tls",
    .open = open_context,
    .close = close_context,
    .connect = connect_stream,
    .recv = recv_stream,
    .send_all = send_all,
    .hold = hold,
    .release = release,
    .stack_size = STACK,
};
