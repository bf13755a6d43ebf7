/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-jdbc-url.h"

#include <string.h>

#include "ob-error.h"

static void
test_forms (void)
{
  static const struct
  {
    const char *url, *sid, *props;
    const char *host;
    guint port;
    const char *database, *ssl_mode;
  } cases[] = {
    { "jdbc:postgresql://localhost:5432", "openbravo", NULL, "localhost", 5432, "openbravo", NULL },
    { "jdbc:postgresql://localhost:5432/", "ob", NULL, "localhost", 5432, "ob", NULL },
    { "jdbc:postgresql://localhost:5432/ob", "ob", NULL, "localhost", 5432, "ob", NULL },
    { "jdbc:postgresql://localhost:5432/ob/", "ob", NULL, "localhost", 5432, "ob", NULL },
    { "jdbc:postgresql://db.example.com", "ob", NULL, "db.example.com", 5432, "ob", NULL },
    { "jdbc:postgresql://10.0.0.7:6000", "ob", NULL, "10.0.0.7", 6000, "ob", NULL },
    { "jdbc:postgresql://[::1]:5433", "ob", NULL, "::1", 5433, "ob", NULL },
    { "jdbc:postgresql://[fe80::1%eth0]", "ob", NULL, "fe80::1%eth0", 5432, "ob", NULL },
    { "jdbc:postgresql://:5433/", "ob", NULL, "localhost", 5433, "ob", NULL },
    { "jdbc:postgresql://", "ob", NULL, "localhost", 5432, "ob", NULL },
    { "jdbc:postgresql:///", "ob", NULL, "localhost", 5432, "ob", NULL },
    { "jdbc:postgresql:", "ob", NULL, "localhost", 5432, "ob", NULL },
    { "jdbc:postgresql:/", "ob", NULL, "localhost", 5432, "ob", NULL },
    { "jdbc:postgresql:ob", "ob", NULL, "localhost", 5432, "ob", NULL },
    { "jdbc:postgresql:ob", NULL, NULL, "localhost", 5432, "ob", NULL },
    { "jdbc:postgresql://h/ob?ssl=true", NULL, NULL, "h", 5432, "ob", "verify-full" },
    { "jdbc:postgresql://h", "ob", "sslmode=require&prepareThreshold=0", "h", 5432, "ob",
      "require" },
    { "jdbc:postgresql://h", "ob", "?ssl&sslmode=verify-ca", "h", 5432, "ob", "verify-ca" },
    { "jdbc:postgresql://h", "ob?sslmode=dis%61ble", NULL, "h", 5432, "ob", "disable" },
    { "jdbc:postgresql://h", "ob", "ssl=false", "h", 5432, "ob", NULL },
    { "jdbc:postgresql://h", "ob", "&&=&=x&%zz=%zz&sslmode", "h", 5432, "ob", "" },
    { "jdbc:postgresql://h", "my db", "", "h", 5432, "my db", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (ObJdbcUrl) url
          = ob_jdbc_url_parse (cases[i].url, cases[i].sid, cases[i].props, &error);

      g_test_message ("%s", cases[i].url);
      if (cases[i].ssl_mode != NULL && *cases[i].ssl_mode == '\0')
        {
          g_assert_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT);
          continue;
        }
      g_assert_no_error (error);
      g_assert_cmpstr (url->host, ==, cases[i].host);
      g_assert_cmpuint (url->port, ==, cases[i].port);
      g_assert_cmpstr (url->database, ==, cases[i].database);
      g_assert_cmpstr (url->ssl_mode, ==, cases[i].ssl_mode);
    }
}

static void
test_refused (void)
{
  static const struct
  {
    const char *url, *sid, *props;
    ObError code;
    const char *words;
  } cases[] = {
    { "jdbc:oracle:thin:@host:1521:sid", "ob", NULL, OB_ERROR_NOT_SUPPORTED, "Oracle" },
    { "jdbc:postgresql://a:1,b:2", "ob", NULL, OB_ERROR_NOT_SUPPORTED, "several hosts" },
    { "jdbc:postgresql://a,b/ob", "ob", NULL, OB_ERROR_NOT_SUPPORTED, "several hosts" },
    { "postgresql://localhost", "ob", NULL, OB_ERROR_INVALID_ARGUMENT, "JDBC" },
    { "", "ob", NULL, OB_ERROR_INVALID_ARGUMENT, "JDBC" },
    { "jdbc:postgresql://h:0", "ob", NULL, OB_ERROR_INVALID_ARGUMENT, "port" },
    { "jdbc:postgresql://h:65536", "ob", NULL, OB_ERROR_INVALID_ARGUMENT, "port" },
    { "jdbc:postgresql://h:54x", "ob", NULL, OB_ERROR_INVALID_ARGUMENT, "port" },
    { "jdbc:postgresql://h:1:2", "ob", NULL, OB_ERROR_INVALID_ARGUMENT, "port" },
    { "jdbc:postgresql://[::1", "ob", NULL, OB_ERROR_INVALID_ARGUMENT, "host" },
    { "jdbc:postgresql://[]:5432", "ob", NULL, OB_ERROR_INVALID_ARGUMENT, "host" },
    { "jdbc:postgresql://[::1]x", "ob", NULL, OB_ERROR_INVALID_ARGUMENT, "host" },
    { "jdbc:postgresql://tad:secret@h", "ob", NULL, OB_ERROR_INVALID_ARGUMENT, "" },
    { "jdbc:postgresql://secret@h", "ob", NULL, OB_ERROR_INVALID_ARGUMENT, "host" },
    { "jdbc:postgresql://h x", "ob", NULL, OB_ERROR_INVALID_ARGUMENT, "host" },
    { "jdbc:postgresql://-h", "ob", NULL, OB_ERROR_INVALID_ARGUMENT, "host" },
    { "jdbc:postgresql://h/other", "ob", NULL, OB_ERROR_INVALID_ARGUMENT, "\"other\"" },
    { "jdbc:postgresql://h/", NULL, NULL, OB_ERROR_INVALID_ARGUMENT, "bbdd.sid" },
    { "jdbc:postgresql://h", "", NULL, OB_ERROR_INVALID_ARGUMENT, "bbdd.sid" },
    { "jdbc:postgresql://h", "a\nb", NULL, OB_ERROR_INVALID_ARGUMENT, "control" },
    { "jdbc:postgresql://h", "1234567890123456789012345678901234567890123456789012345678901234",
      NULL, OB_ERROR_INVALID_ARGUMENT, "63" },
    { "jdbc:postgresql://h", "ob", "sslmode=secret", OB_ERROR_INVALID_ARGUMENT, "sslmode" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (ObJdbcUrl) url
          = ob_jdbc_url_parse (cases[i].url, cases[i].sid, cases[i].props, &error);

      g_test_message ("%s", cases[i].url);
      g_assert_error (error, OB_ERROR, (int) cases[i].code);
      g_assert_null (url);
      g_assert_nonnull (strstr (error->message, cases[i].words));
      g_assert_null (strstr (error->message, "secret"));
    }
}

static void
test_random (void)
{
  static const char alphabet[] = "/:[]?&=,%@. h1ssl";

  for (guint i = 0; i < 50000; i++)
    {
      char text[64] = "jdbc:postgresql:";
      gsize length = strlen (text);
      gsize end = length + (gsize) g_test_rand_int_range (0, (int) (sizeof text - length));
      g_autoptr (GError) error = NULL;
      g_autoptr (ObJdbcUrl) url = NULL;

      for (; length < end; length++)
        text[length] = alphabet[g_test_rand_int_range (0, sizeof alphabet - 1)];
      url = ob_jdbc_url_parse (text, i % 2 == 0 ? "sid" : NULL, text + 16, &error);
      g_assert_true ((url == NULL) == (error != NULL));
      g_assert_true (url == NULL || (url->port > 0 && *url->host != '\0'));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/jdbc-url/forms", test_forms);
  g_test_add_func ("/jdbc-url/refused", test_refused);
  g_test_add_func ("/jdbc-url/random", test_random);

  return g_test_run ();
}
