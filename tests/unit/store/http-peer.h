/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An HTTP server of a test's own, on loopback: a bucket in memory, which does to each request what
 * the test has told it to do. It is no judge of signatures. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum
{
  FAULT_NONE,
  FAULT_RESET,       /* the connection is reset before an answer */
  FAULT_CLOSE,       /* it ends before an answer */
  FAULT_SILENCE,     /* no answer, until the client goes */
  FAULT_CUT_HEADERS, /* it ends in the middle of the headers */
  FAULT_CUT_BODY,    /* it ends in the middle of the body */
  FAULT_LATE,        /* all is done as it should be, and then the connection reset */
  FAULT_GARBAGE,     /* what comes is not HTTP */
  FAULT_APART,       /* headers and body apart; the body once the headers are acknowledged */
  FAULT_DRIP,        /* the answer comes a byte at a time */
  FAULT_ENDLESS,     /* a body in pieces that never ends */
  FAULT_HUGE,        /* a body that claims to have 10^15 bytes */
  FAULT_RAW,         /* the text of the step, word for word */
  FAULT_STATUS,      /* the status of the step, with its text as code of the error */
  FAULT_DAMAGE,      /* the last byte of the body is another one */
} PeerFault;

typedef struct _Peer Peer;

/* Serves the bucket "erp". Transfer full. */
Peer *peer_new (void);
void peer_free (Peer *peer);

/* "http://127.0.0.1:PORT". Belongs to @peer. */
const char *peer_get_url (Peer *peer);

/* What the next requests that have no step yet are done to: @n of them. */
void peer_add (Peer *peer, PeerFault fault, guint n);
void peer_add_status (Peer *peer, guint status, const char *code, guint n);
void peer_add_raw (Peer *peer, const char *text);

/* What each request of @method whose path or query has @part in it is done to, as long as there are
 * no steps: the rule that was added last. @status and @text as in steps. */
void peer_add_rule (Peer *peer, const char *method, const char *part, PeerFault fault,
                    guint status, const char *text);

/* Forgets the steps that are left; each test looks that there is none. */
guint peer_clear_steps (Peer *peer);

/* What every answer has among its headers: "Date: …\r\n". */
void peer_set_headers (Peer *peer, const char *headers);

/* Objects a page of a list. */
void peer_set_page (Peer *peer, guint n);

void peer_put (Peer *peer, const char *key, const char *text);
/* Transfer full; NULL where there is none. */
GBytes *peer_get (Peer *peer, const char *key);

/* Objects whose key has @part in it. */
guint peer_count_keys (Peer *peer, const char *part);

/* Requests and connections so far, and the most requests that there were at once. */
guint peer_count_requests (Peer *peer);
guint peer_count_connections (Peer *peer);
guint peer_get_most (Peer *peer);

/* Objects of the bucket can be locked from now on. It is told how they are, and holds nobody to
 * it. */
void peer_set_lockable (Peer *peer);

/* How an object is locked: "GOVERNANCE until 2026-12-29T03:20:17Z"; NULL where it is not. Transfer
 * full. */
char *peer_get_lock (Peer *peer, const char *key);
void peer_set_lock (Peer *peer, const char *key, const char *mode, const char *until);

/* Each request takes so long. */
void peer_set_delay (Peer *peer, guint milliseconds);

/* The last request: its first line and its headers. Transfer full. */
char *peer_get_last (Peer *peer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Peer, peer_free)

G_END_DECLS
