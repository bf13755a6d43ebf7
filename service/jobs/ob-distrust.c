/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-distrust.h"

#include "ob-damaged-packs.h"
#include "ob-verify-record.h"

guint
ob_distrust_damaged (ObContext *context, ObRepository *repository)
{
  g_autoptr (ObVerifyRecord) record
    = ob_verify_record_load (context, ob_repository_get_id (repository));

  return ob_damaged_packs_tell (repository, ob_verify_record_get_damaged (record));
}
