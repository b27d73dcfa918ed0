/* SPDX-License-Identifier: Apache-2.0 */
/* Connections between nodes over TLS, by OpenSSL: the module coppice-tls. Erlang's nodes speak it
 * with -proto_dist inet_tls; nodes with and without it do not reach each other.
 *
 *   static const struct cop_tls_config tls = {
 *       .certificate_file = "node.pem", .key_file = "node-key.pem", .ca_file = "ca.pem"
 *   };
 *   static const struct cop_net_kernel_options options = {
 *       .name = "c1@host", .transport = &cop_dist_tls, .transport_config = &tls
 *   };
 *
 * Both sides show a certificate and verify the other's against the CA; who connects also verifies
 * that it names the host of the node. TLS 1.2 and 1.3. The cookie is asked for as well (D-137). */
#ifndef COPPICE_TLS_H
#define COPPICE_TLS_H

#include <coppice/net_kernel.h>

COP_BEGIN_DECLS

struct cop_tls_config {
    const char
        *certificate_file; /* PEM: this node's certificate, then those between it and the CA */
    const char *key_file;  /* PEM: its private key */
    const char *ca_file;   /* PEM: whom to trust */
    bool verify_none;      /* trust anybody: against listeners only, for tests */
};

/* A constant, for struct cop_net_kernel_options; transport_config is a struct cop_tls_config, which
 * must live as long as the node. Its files are read when the node starts, which fails when one is
 * missing or wrong, with the reason in the log.
 *
 * OTP: inet_tls_dist. Clauses D-132 to D-137. */
COP_API extern const cop_dist_transport cop_dist_tls;

COP_END_DECLS

#endif
