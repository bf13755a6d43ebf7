/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is made of a bucket's word about its settings. */
#include "ob-s3-bucket.h"

#include "fixture.h"
#include "ob-s3-versions.h"

#define VERSIONING(content) "<VersioningConfiguration>" content "</VersioningConfiguration>"
#define LOCK(content) "<ObjectLockConfiguration>" content "</ObjectLockConfiguration>"
#define RETENTION(content)                                                                         \
  LOCK ("<ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>" content           \
        "</DefaultRetention></Rule>")
#define LIFECYCLE(content) "<LifecycleConfiguration>" content "</LifecycleConfiguration>"
#define EXPIRATION                                                                                 \
  "<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays></NoncurrentVersionExpiration>"

static void
test_versioning (void)
{
  static const struct
  {
    const char *text;
    ObS3Versioning versioning;
  } cases[] = {
    { VERSIONING (""), OB_S3_VERSIONING_OFF },
    { "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>",
      OB_S3_VERSIONING_OFF },
    { "<?xml version=\"1.0\"?>"
      VERSIONING ("<Status>Enabled</Status><MfaDelete>Disabled</MfaDelete>"),
      OB_S3_VERSIONING_ENABLED },
    { "<x:VersioningConfiguration><x:Status>Suspended</x:Status></x:VersioningConfiguration>",
      OB_S3_VERSIONING_SUSPENDED },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      ObS3Versioning versioning;

      g_test_message ("%s", cases[i].text);
      g_assert_true (
        ob_s3_bucket_parse_versioning (cases[i].text, strlen (cases[i].text), &versioning));
      g_assert_cmpint (versioning, ==, cases[i].versioning);
    }
}

static void
test_lock (void)
{
  static const struct
  {
    const char *text;
    ObS3ObjectLock lock;
  } cases[] = {
    { LOCK (""), { FALSE, FALSE, 0 } },
    { LOCK ("<ObjectLockEnabled>Enabled</ObjectLockEnabled>"), { TRUE, FALSE, 0 } },
    { RETENTION ("<Mode>GOVERNANCE</Mode><Days>7</Days>"), { TRUE, FALSE, 7 } },
    { RETENTION ("<Mode>COMPLIANCE</Mode><Years>2</Years>"), { TRUE, TRUE, 730 } },
    { RETENTION ("<Days>36500</Days><Mode>COMPLIANCE</Mode>"), { TRUE, TRUE, 36500 } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      ObS3ObjectLock lock;

      g_test_message ("%s", cases[i].text);
      g_assert_true (ob_s3_bucket_parse_object_lock (cases[i].text, strlen (cases[i].text), &lock));
      g_assert_true (lock.enabled == cases[i].lock.enabled);
      g_assert_true (lock.compliance == cases[i].lock.compliance);
      g_assert_cmpuint (lock.days, ==, cases[i].lock.days);
    }
}

static void
test_lifecycle (void)
{
  static const struct
  {
    const char *text;
    gboolean expires;
  } cases[] = {
    { LIFECYCLE (""), FALSE },
    { LIFECYCLE ("<Rule><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>"),
      FALSE },
    { LIFECYCLE ("<Rule><Status>Enabled</Status>" EXPIRATION "</Rule>"), TRUE },
    { LIFECYCLE ("<Rule>" EXPIRATION "<Status>Enabled</Status></Rule><Rule></Rule>"), TRUE },
    { LIFECYCLE ("<Rule>" EXPIRATION "<Status>Disabled</Status></Rule>"), FALSE },
    /* The one has what the other lacks. */
    { LIFECYCLE ("<Rule>" EXPIRATION "</Rule><Rule><Status>Enabled</Status></Rule>"), FALSE },
    { LIFECYCLE ("<Rule><Status>Enabled</Status></Rule><Rule>" EXPIRATION "</Rule>"), FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gboolean expires;

      g_test_message ("%s", cases[i].text);
      g_assert_true (
        ob_s3_bucket_parse_lifecycle (cases[i].text, strlen (cases[i].text), &expires));
      g_assert_true (expires == cases[i].expires);
    }
}

static void
assert_refused (const char *text, gsize size)
{
  ObS3Versioning versioning;
  ObS3ObjectLock lock;
  gboolean expires;

  g_test_message ("%.200s", text);
  g_assert_false (ob_s3_bucket_parse_versioning (text, size, &versioning));
  g_assert_false (ob_s3_bucket_parse_object_lock (text, size, &lock));
  g_assert_false (ob_s3_bucket_parse_lifecycle (text, size, &expires));
}

/* What no server sends that means well. */
static void
test_hostile (void)
{
  static const char *const texts[] = {
    "",
    "no XML",
    "<html/>",
    "<Versioning/>",
    "<VersioningConfigurationX/>",
    VERSIONING ("<Status>Perhaps</Status>"),
    "<VersioningConfiguration>",
    VERSIONING ("") VERSIONING (""),
    "<a>" VERSIONING ("<Status>Enabled</Status>") "</a>",
    VERSIONING ("<a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a>"),
    "<!DOCTYPE x [<!ENTITY a \"Enabled\">]>" VERSIONING ("<Status>&a;</Status>"),
    RETENTION ("<Mode>GOVERNANCE</Mode><Days>0</Days>"),
    RETENTION ("<Mode>GOVERNANCE</Mode><Days>-1</Days>"),
    RETENTION ("<Mode>GOVERNANCE</Mode><Days>36501</Days>"),
    RETENTION ("<Mode>GOVERNANCE</Mode><Years>99999999999999999999</Years>"),
    RETENTION ("<Mode>GOVERNANCE</Mode><Years>4294967</Years>"),
    RETENTION ("<Mode>UNKNOWN</Mode><Days>1</Days>"),
    "<LifecycleConfiguration><Rule>",
  };
  g_autofree char *large = g_strnfill (OB_S3_BUCKET_MAX_ANSWER, ' ');
  g_autofree char *padded = g_strconcat (VERSIONING (""), large, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    assert_refused (texts[i], strlen (texts[i]));
  assert_refused (padded, strlen (padded));
  assert_refused (VERSIONING ("") "\0", strlen (VERSIONING ("")) + 1);
}

#define VERSIONS(content) "<ListVersionsResult>" content "</ListVersionsResult>"
#define ENTRY(kind, key, id)                                                                       \
  "<" kind "><Key>" key "</Key><VersionId>" id "</VersionId></" kind ">"

/* A mark comes after all versions, whatever the order of the answer. */
static void
test_versions (void)
{
  const char *text = VERSIONS (ENTRY ("DeleteMarker", "a b", "1") ENTRY ("Version", "a b", "2")
                                 ENTRY ("Version", "a bc", "3") ENTRY ("Version", "a b", "null"));
  g_autoptr (GPtrArray) ids = ob_s3_versions_parse (text, strlen (text), "a b");
  static const char *const expected[] = { "2", "null", "1" };

  g_assert_nonnull (ids);
  g_assert_cmpuint (ids->len, ==, G_N_ELEMENTS (expected));
  for (guint i = 0; i < ids->len; i++)
    g_assert_cmpstr (g_ptr_array_index (ids, i), ==, expected[i]);
}

static void
test_versions_hostile (void)
{
  static const char *const texts[] = {
    "",
    "<Other/>",
    "<ListVersionsResult>",
    VERSIONS ("<Version><Key>k</Key></Version>"),
    VERSIONS ("<Version><VersionId>1</VersionId></Version>"),
    VERSIONS ("<Version><Key>k</Key><Key>k</Key><VersionId>1</VersionId></Version>"),
    VERSIONS (ENTRY ("Version", "k", "")),
    VERSIONS ("") VERSIONS (""),
  };
  g_autofree char *id = g_strnfill (OB_S3_VERSIONS_MAX_ID + 1, 'i');
  g_autofree char *long_id = g_strdup_printf (VERSIONS (ENTRY ("Version", "k", "%s")), id);
  g_autoptr (GString) many = g_string_new ("<ListVersionsResult>");

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_test_message ("%s", texts[i]);
      g_assert_null (ob_s3_versions_parse (texts[i], strlen (texts[i]), "k"));
    }
  g_assert_null (ob_s3_versions_parse (long_id, strlen (long_id), "k"));
  for (guint i = 0; i <= OB_S3_VERSIONS_MAX; i++)
    g_string_append (many, ENTRY ("Version", "k", "1"));
  g_string_append (many, "</ListVersionsResult>");
  g_assert_null (ob_s3_versions_parse (many->str, many->len, "k"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/s3-bucket/versioning", test_versioning);
  g_test_add_func ("/s3-bucket/lock", test_lock);
  g_test_add_func ("/s3-bucket/lifecycle", test_lifecycle);
  g_test_add_func ("/s3-bucket/hostile", test_hostile);
  g_test_add_func ("/s3-bucket/versions", test_versions);
  g_test_add_func ("/s3-bucket/versions-hostile", test_versions_hostile);
  return g_test_run ();
}
