/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store in the bucket of a peer, with limits that a test can wait for. */
#pragma once

#include "http-peer.h"
#include "ob-s3-store.h"
#include "store-fixture.h"

G_BEGIN_DECLS

typedef struct
{
  Peer *peer;
  ObS3Settings *settings;
  ObStore *store;
} S3Fixture;

/* The limits of s3_fixture_set_up(): seconds. */
#define S3_TIMEOUT 1
#define S3_GRACE 2
#define S3_FIRST_PATIENCE 1

/* For g_test_add(); opens the store with a prefix of "a b/c". */
void s3_fixture_set_up (S3Fixture *fixture, gconstpointer data);
void s3_fixture_tear_down (S3Fixture *fixture, gconstpointer data);

/* Opens the store anew, with what was set meanwhile. */
void s3_fixture_open (S3Fixture *fixture);

/* The same with other credentials than those of a key that stays valid. */
void s3_fixture_open_with (S3Fixture *fixture, ObAwsCredentials *credentials);

void s3_fixture_set (S3Fixture *fixture, const char *name, const char *value);

/* Asserts that the last request had this line among its headers ("Range: bytes=0-0"), or none
 * beginning so (@there FALSE). */
void s3_fixture_assert_header (S3Fixture *fixture, const char *line, gboolean there);

G_END_DECLS
