/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A key file that costs next to nothing to open. */
#pragma once

/* Computed with Python's hashlib.scrypt and the module cryptography: passphrase "cheap", N=16, r=1,
 * p=1, so that thousands of them can be opened. */
#define CHEAP_SALT                                                                                 \
  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="
#define CHEAP_DATA                                                                                 \
  "ZGVmZ2hpamtsbW5vcHFycyG3M7knoDuIKmRec66JT3CO/nMN3EHEJ/3Gndtg2acIcI3mlPNsOsO56iG4pfT3up3yK9Zx"   \
  "rVXaJ2p0BsFXy3Tx6fboNJVvgjr7ACOg00Z5Louq++abICNfWMX6brlu4z+qObx/drpChxHUmhjMDNhrXD2c5Qn/xASP"   \
  "a8guID/UIhD+TZbPpsDPbULuLGHj7Y2tZTQxYw=="
#define CHEAP_KEY                                                                                  \
  "{\"created\":\"2026-11-25T05:15:11Z\",\"username\":\"root\",\"hostname\":null,"                 \
  "\"kdf\":\"scrypt\",\"N\":16,\"r\":1,\"p\":1,\"salt\":\"" CHEAP_SALT "\","                       \
  "\"data\":\"" CHEAP_DATA "\"}"
