# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests of TLS, by the openssl command: an authority, and nodes that it vouches for."""
import os
import subprocess


def openssl(*arguments, folder):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def authority(folder):
    """folder/ca.pem and its key."""
    os.makedirs(folder, exist_ok=True)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "30", "-subj", "/CN=authority of the tests", "-keyout", "ca-key.pem", "-out", "ca.pem",
            folder=folder)
    return folder


def node(ca, folder, names="IP:127.0.0.1,DNS:127.0.0.1,DNS:localhost"):
    """folder/cert.pem, key.pem and ca.pem, and dist.conf for Erlang, which looks for an address among
    the names of DNS."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "names"), "w", encoding="utf-8") as file:
        file.write(f"subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
            "/CN=node", "-keyout", "key.pem", "-out", "request.pem", folder=folder)
    openssl("x509", "-req", "-in", "request.pem", "-CA", os.path.join(ca, "ca.pem"), "-CAkey",
            os.path.join(ca, "ca-key.pem"), "-CAcreateserial", "-days", "30", "-extfile", "names", "-out",
            "cert.pem", folder=folder)
    with open(os.path.join(ca, "ca.pem"), encoding="utf-8") as source, \
            open(os.path.join(folder, "ca.pem"), "w", encoding="utf-8") as file:
        file.write(source.read())
    files = ", ".join(f'{{{key}, "{os.path.join(folder, name)}"}}' for key, name in
                      (("certfile", "cert.pem"), ("keyfile", "key.pem"), ("cacertfile", "ca.pem")))
    with open(os.path.join(folder, "dist.conf"), "w", encoding="utf-8") as file:
        file.write(f"[{{server, [{files}, {{verify, verify_peer}}, {{fail_if_no_peer_cert, true}}]}},\n"
                   f" {{client, [{files}, {{verify, verify_peer}}]}}].\n")
    return folder
