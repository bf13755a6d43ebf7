/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bucket "erp" in memory, as a server of S3 shows it. For one thread at a time. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  char *head;
  char *method, *path, *query; /* decoded path */
  GBytes *body;
} PeerRequest;

typedef struct
{
  GHashTable *objects; /* key to GBytes */
  GHashTable *locks;   /* key to "MODE until TIME" */
  gboolean lockable;
  guint page;    /* objects a page of a list */
  char *headers; /* that every answer has */
} PeerBucket;

/* The value of a header of @head, or NULL. Transfer full. */
char *peer_request_get_header (const char *head, const char *name);

void peer_bucket_init (PeerBucket *bucket);
void peer_bucket_clear (PeerBucket *bucket);

/* Does what is asked, and gives the answer, as text of HTTP. Transfer full. */
GString *peer_bucket_serve (PeerBucket *bucket, const PeerRequest *request);

/* Answers that nobody has asked for. Transfer full. */
GString *peer_bucket_answer (PeerBucket *bucket, guint status, const char *headers,
                             const char *body, gsize size);
GString *peer_bucket_answer_error (PeerBucket *bucket, guint status, const char *code);

void peer_bucket_set_lock (PeerBucket *bucket, const char *key, const char *mode,
                           const char *until);

G_END_DECLS
