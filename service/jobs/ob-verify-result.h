/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What verifications of several destinations found, put together for the result of a job. */
#pragma once

#include "ob-destination.h"
#include "ob-job.h"
#include "ob-verify.h"

G_BEGIN_DECLS

typedef struct _ObVerifyResult ObVerifyResult;

ObVerifyResult *ob_verify_result_new (void);
void ob_verify_result_free (ObVerifyResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ObVerifyResult, ob_verify_result_free)

void ob_verify_result_add (ObVerifyResult *result, ObDestination *destination,
                           const ObVerifyReport *report);

/* What a repair of the destination did. */
void ob_verify_result_add_repairs (ObVerifyResult *result, ObDestination *destination,
                                   const ObVerifyRepairs *repairs);

/* Whether nothing was found. */
gboolean ob_verify_result_is_sound (ObVerifyResult *result);

/* A sentence that says what was found, for the error of the job. Transfer full. */
char *ob_verify_result_summarize (ObVerifyResult *result);

/* Sets the members of the job's result that the interface's description names. Empties @result. */
void ob_verify_result_tell (ObVerifyResult *result, ObJob *job);

G_END_DECLS
