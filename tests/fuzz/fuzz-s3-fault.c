/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An error that an S3 server sends, and the sentence that is made of it. */
#include "ob-s3-fault.h"

#include <string.h>

#include "driver.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>NoSuchKey</Code><Message>Th"
                "e specified key does not exist.</Message><Key>config</Key><RequestId>tx0</RequestI"
                "d><HostId>x</HostId></Error>"),
  OB_FUZZ_SEED ("<Error><Code>AuthorizationHeaderMalformed</Code><Message>The region 'us-east-1' i"
                "s wrong; expecting 'eu-west-1'</Message><Region>eu-west-1</Region></Error>"),
  OB_FUZZ_SEED ("<Error><Code>RequestTimeTooSkewed</Code><Message>\033[2J\xe2\x80\xae&#10;&#27;</M"
                "essage><Code>SlowDown</Code></Error>"),
  OB_FUZZ_SEED ("<html><body>502 Bad Gateway</body></html>"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)

static void
check_text (const char *text)
{
  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_assert_cmpint (g_utf8_strlen (text, -1), <=, 300);
  for (; *text != '\0'; text = g_utf8_next_char (text))
    g_assert_true (g_unichar_isprint (g_utf8_get_char (text)));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const guint statuses[] = { 301, 400, 401, 403, 404, 405, 412, 429, 500, 501, 503, 507 };
  const ObS3FaultContext context = { "erp", "AKIDEXAMPLE", "s3:GetObject", 0 };
  g_autoptr (ObS3Fault) fault = ob_s3_fault_parse ((const char *) data, size);

  check_text (fault->code);
  check_text (fault->message);
  check_text (fault->region);
  for (gsize i = 0; i < G_N_ELEMENTS (statuses); i++)
    {
      g_autoptr (GError) error = NULL;

      ob_s3_fault_set_error (fault, statuses[i], &context, &error);
      g_assert_nonnull (error);
      g_assert_cmpuint (strlen (error->message), <=, 2048);
      /* A refusal of who asks is never worth another try. */
      g_assert_false (statuses[i] == 403 && ob_s3_fault_is_passing (fault, 403));
      ob_s3_fault_is_slow_down (fault, statuses[i]);
    }
  return 0;
}
