/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server of a test's own on loopback that shakes hands, and answers each request with "hello";
 * one client at a time. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _TlsPeer TlsPeer;

/* Its certificate signs itself, is for @name ("127.0.0.1" or a host), and valid from @from to @to,
 * seconds from now. With @name NULL it speaks no TLS. Transfer full. */
TlsPeer *tls_peer_new (const char *name, glong from, glong to);
void tls_peer_free (TlsPeer *peer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TlsPeer, tls_peer_free)

/* "https://127.0.0.1:PORT". Belongs to @peer. */
const char *tls_peer_get_url (TlsPeer *peer);

/* Writes its certificate to a file, for those who trust it. */
void tls_peer_save (TlsPeer *peer, const char *path);

G_END_DECLS
