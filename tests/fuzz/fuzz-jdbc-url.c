/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bbdd.url, bbdd.sid and bbdd.props, a line each. */
#include "ob-jdbc-url.h"

#include <string.h>

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("jdbc:postgresql://localhost:5432\nopenbravo\n"),
  OB_FUZZ_SEED ("jdbc:postgresql://db.example.com/\nob\nsslmode=require&prepareThreshold=0"),
  OB_FUZZ_SEED ("jdbc:postgresql://[fe80::1%eth0]:5433\nob\n?ssl&sslrootcert=/etc/ssl/ca.pem"),
  OB_FUZZ_SEED ("jdbc:postgresql://10.0.0.7:6000/ob?ssl=true\n\nsslmode=verify-full"),
  OB_FUZZ_SEED ("jdbc:postgresql:ob\nob?sslmode=dis%61ble\n&&=&=x&%zz=%zz&sslmode"),
  OB_FUZZ_SEED ("jdbc:postgresql://a:1,b:2/ob\nob\n"),
  OB_FUZZ_SEED ("jdbc:oracle:thin:@localhost:1521\nxe\n"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_auto (GStrv) lines = g_strsplit (text, "\n", 3);
  guint n = g_strv_length (lines);
  g_autoptr (GError) error = NULL;
  g_autoptr (ObJdbcUrl) url = NULL;

  url = ob_jdbc_url_parse (n > 0 ? lines[0] : "", n > 1 ? lines[1] : NULL,
                           n > 2 ? lines[2] : NULL, &error);
  g_assert_true ((url == NULL) == (error != NULL));
  if (url == NULL)
    return 0;
  g_assert_true (url->host != NULL && *url->host != '\0');
  g_assert_true (url->port >= 1 && url->port <= 65535);
  /* One host, which can pose as no option of a program. */
  g_assert_true (strchr (url->host, ',') == NULL && *url->host != '-');
  return 0;
}
