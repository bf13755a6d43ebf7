/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys as AWS's shared credentials file and the metadata service of EC2 give them. */
#include <string.h>

#include "driver.h"
#include "ob-aws-sources.h"

static const ObFuzzSeed seeds[] = {
  OB_FUZZ_SEED ("[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJal"
                "rXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n# x\n[b]\nregion=eu-west-1\n"),
  OB_FUZZ_SEED ("[ default ]\r\naws_access_key_id=A\r\naws_secret_access_key=S\r\naws_session_tok"
                "en=T\r\n"),
  OB_FUZZ_SEED ("{\"Code\":\"Success\",\"LastUpdated\":\"2026-11-23T04:05:06Z\",\"Type\":\"AWS-HMA"
                "C\",\"AccessKeyId\":\"ASIAIOSFODNN7EXAMPLE\",\"SecretAccessKey\":\"wJalrXUtnFEMI/"
                "K7MDENG\",\"Token\":\"IQoJb3Jp\",\"Expiration\":\"2026-11-23T10:05:06Z\"}"),
};

OB_FUZZ_EXPORT_SEEDS (seeds)
OB_FUZZ_JSON_GLIB_LEAKS

static void
check (ObAwsKeys *keys)
{
  const char *token = ob_aws_keys_get_session_token (keys);

  g_assert_true (ob_aws_keys_is_valid_text (ob_aws_keys_get_access_key (keys), OB_AWS_MAX_KEY));
  g_assert_true (ob_aws_keys_is_valid_text (ob_aws_keys_get_secret_key (keys), OB_AWS_MAX_KEY));
  g_assert_true (token == NULL || ob_aws_keys_is_valid_text (token, OB_AWS_MAX_TOKEN));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *text = (const char *) data;
  g_autoptr (GError) profile_error = NULL;
  g_autoptr (GError) role_error = NULL;
  g_autoptr (ObAwsKeys) profile = ob_aws_profile_parse (text, size, "default", &profile_error);
  g_autoptr (ObAwsKeys) role = ob_aws_role_parse (text, size, &role_error);

  g_assert_true ((profile == NULL) == (profile_error != NULL));
  g_assert_true ((role == NULL) == (role_error != NULL));
  if (profile != NULL)
    check (profile);
  if (role != NULL)
    check (role);
  return 0;
}
