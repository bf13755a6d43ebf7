/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Whether a restored database keeps the number (OID) of the living one, to which Openbravo binds an
 * activation key. */
typedef enum
{
  OB_NUMBER_DEFAULT, /* where there is a key */
  OB_NUMBER_KEEP,
  OB_NUMBER_CHANGE, /* which is quicker */
} ObNumber;
