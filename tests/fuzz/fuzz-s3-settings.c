/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a repository is in S3: lines of NAME=VALUE, as configuration or bus give them. */
#include "ob-s3-settings.h"

#include <string.h>

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("bucket=erp\nprefix=a b/c\nregion=eu-west-1\nstyle=virtual\nstorage-class=STANDARD"
                "_IA\nencryption=aws:kms\nkms-key=arn:aws:kms:eu-west-1:1:key/1\n"),
  OB_FUZZ_SEED ("bucket=erp.x\nendpoint=https://[::1]:9000/\nallow-http=true\naccess-key=AKIDEXAM"
                "PLE\ncredentials=keys\nconnections=32\nca-file=/etc/ca.pem\n"),
  OB_FUZZ_SEED ("bucket=erp\nendpoint=http://127.0.0.1:7480\nprofile=backup\nprofile-file=/root/.a"
                "ws/credentials\n"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

static void
check_address (const ObS3Settings *settings)
{
  g_autofree char *host = NULL;
  g_autofree char *path = NULL;
  g_autofree char *base = ob_s3_settings_get_base (settings, &host, &path);
  g_autofree char *url = g_strconcat (base, path, NULL);
  g_autofree char *where = ob_s3_settings_describe (settings);
  g_autoptr (GUri) uri = g_uri_parse (url, G_URI_FLAGS_NONE, NULL);

  g_assert_nonnull (uri);
  g_assert_true (g_str_has_suffix (base, host));
  g_assert_null (strpbrk (host, " \r\n/@?#"));
  g_assert_true (*path == '/' && path[strlen (path) - 1] == '/');
  g_assert_true (g_str_has_prefix (where, "s3:http"));
  g_assert_cmpuint (ob_s3_settings_get_connections (settings), >, 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (ObS3Settings) settings = ob_s3_settings_new ();

  for (char **line = lines; *line != NULL; line++)
    {
      char *sign = strchr (*line, '=');
      g_autoptr (GError) error = NULL;

      if (sign == NULL)
        continue;
      *sign = '\0';
      if (ob_s3_settings_set (settings, *line, sign + 1, &error))
        g_assert_no_error (error);
      else
        g_assert_nonnull (error);
    }
  if (ob_s3_settings_check (settings, NULL))
    check_address (settings);
  return 0;
}
