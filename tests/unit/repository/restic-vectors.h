/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A whole repository as restic 0.14 wrote it: one snapshot of a file of the six bytes "hello\n".
 * The passphrase is "correct horse". Made with
 *   restic init
 *   restic backup --host erp --tag one --tag two --time "2023-04-05 06:07:08" hello.txt
 * The master key is what `restic cat masterkey` printed. */
#pragma once

#define RESTIC_PASSPHRASE "correct horse"
#define RESTIC_ID "366a5551c7215fa19adcd1cf2f4910f72aa7274c73d713be0a88e5cb27f9277e"
#define RESTIC_POLYNOMIAL 0x3e5cc6792825ff
#define RESTIC_MASTER_MAC_K "Gxpx/p//X3pRc331NkGgkw=="
#define RESTIC_MASTER_MAC_R "K+ZmD+iQzgJgOvQHrLKiBQ=="
#define RESTIC_MASTER_ENCRYPT "LLpf990G73+zMM/kVawGg5Q8uIZOSkrPF+kkySni9as="

#define RESTIC_DATA_PACK "44cd1435a7c10b041538da06cbea66acfbb05711e0f8c194f96e732b3177c6ac"
#define RESTIC_DATA_BLOB "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
#define RESTIC_DATA_LENGTH 47
#define RESTIC_TREE_PACK "c74c0cc7fac07e0b166a6d5893a96122ccf150292f56d96e5180d2747e9ed55e"
#define RESTIC_TREE_BLOB "52354c32f4c023e02c10ba57a6765018b701cba99397cfc7fc73d6161cd3fe56"
#define RESTIC_TREE_LENGTH 257
#define RESTIC_TREE_PLAIN_LENGTH 359
#define RESTIC_SNAPSHOT "09fcfd3bcee135f33078d78596f02e3ea3cc61f865452385e0a803593395c833"

typedef struct
{
  const char *name;
  const char *base64;
} ResticFile;

static const ResticFile restic_files[] = {
  { "keys/3e7dc06bd3f012b9d45bc071e09a6ff65e2a24b42459c6effc9101e32c2d4a59",
    "eyJjcmVhdGVkIjoiMjAyNi0xMS0yNVQwNToxNToxMS4wNTc3OFoiLCJ1c2VybmFtZSI6InJvb3QiLCJo"
    "b3N0bmFtZSI6InZtIiwia2RmIjoic2NyeXB0IiwiTiI6MzI3NjgsInIiOjgsInAiOjEwLCJzYWx0Ijoi"
    "TityOVJ2OVBHNFpXeHRmaytHdUlnMGROalQ4cXA5cXY3OVkvWC8yL0tUY2QrWFZYNEZrL3d6L3l2NlE2"
    "M1k5eklDOEpXU0RkTVpaMU1VMUY0Z2pTQUE9PSIsImRhdGEiOiIvaktManI5d2IvODZ6dVYzSkNWVVhE"
    "SSs2WTk2SytNTnJDaDJ6S256SkIweWNFdmlmcU4vUFBlVGIzYWp2bStoa21SL1JKN09ZUGU2bEU0aDBN"
    "TXNJRkFzV3BKbUhxK2ZMem9IYnRVeVVGcElrMG44TXdNQVc0dTR5K0R1QlRMbFRPdXl3Q1RlK0tJUUtr"
    "aElZZmhBNytpU1kyd2JRQ2lSellUTVFZTXluQnhGSVBkUkEweklhWWNtUWFnLzlKU2E2cjFJenJUU1dQ"
    "N3VxdjlIWHlaam13PT0ifQ==" },
  { "config",
    "VQX28zi+NiR4JnMXB3hqg0aNtPHm9Qp3Hk3968IJqjuJXbRT2BEpO+R1e+DJ2mjVKbXEqTP6NPptUenG"
    "nQDaLtyenjf+H5pNoi3550KM9sGdq2LqFVr//+d7VsHHcwQw3W92vV5AmGvLGqCFSV8MuHjrZ76izf/z"
    "E8AIpHw3N+B2lE0Dy3fO+9KdvyBJYBEF4UzOCEGXkcut3F8=" },
  { "index/d816d9a1e71d932c142f7d354504a4ef21ef9a39b508b3e2860c3d6d159c4935",
    "jj0LDTj4k7Jbj49tCFnX/sgjjFixFKOfxP5nbCFo3XzFnk+4eMv/9Y3554SWJXGdlE9UNXwe909abmcU"
    "ugauPZoayimV9WttxYU4T2gneslIjPmOKbZgRVNa5YNGNNU50V1WfjGKggq7B0Q6vU58q7X3bFh8mI0L"
    "b8sji9tFxT2C8wgFSYS/iMdVFSCyx6qHvaVv+hKxqCer88/JxAzoYotvtJp0lsTZIhoibE2noXXtuXeK"
    "gjILX0QyUwHgAyx1XqeO8d013bJKfuBLYe98hG1iKvW5XUSM09pI7ct9OIIFmO9EqqsmTKsnICV6+xoW"
    "z7tJdmY1h0/00GiwLVJVjPlKqRuHxrgdA/fUQ6uL0ASf6dO/3ZFtHHsZ9TjVXRGJ/Ub5g2uFRTxBGN4x"
    "tK9Z2E0D" },
  { "data/44/44cd1435a7c10b041538da06cbea66acfbb05711e0f8c194f96e732b3177c6ac",
    "NHjaHmgzVU6g5WcB+/3GnLsiQPNQuSTfwvC+4XA9wEywQlLfnWcJph8qie9P3B22xgcoIW4iNdh5kqDh"
    "aAAac6nZ3ugSk4fMwR58FHHiALg7XJckuACpnSTgjeGeBju+amC10tdrFGo1CJQ30SR5TWWuSHqBO7PL"
    "SQAAAA==" },
  { "data/c7/c74c0cc7fac07e0b166a6d5893a96122ccf150292f56d96e5180d2747e9ed55e",
    "60+dNa+05Ec4g6OIG5nLS1ofvNUih73TPH+Mj3ycVPiOfWQBAqNQ66mg+MfoOfPiLD1pXfzr6dookRZQ"
    "IGqHk1scV3AynkGBNFh5OqIvCBG49b8hgfI8TdfrgDctCnDqvl/R7LRTrqpAp40H7H0oPnuwhlC0DQWD"
    "lynrgG7VtsA4yPNzHX+DrOrfM4PRxx3iSj9P3jL6bvGOAXrBupC9l2Bc53fGnOefDza8+L8TRvJcIQhu"
    "Vcc3FlxVhRGyJUwY3AWQywwXpws0XGgXfskKL8VPK8mqdJB35PquBQXM/ETq8oJFrEP/Pqqt7MqfXto2"
    "MDnqxnxctqTtqmvcW9nMAj9FUhQpkH5xlYLHQwVAsyjow8jKVzLnPnBFPmK3ZnDrAKHHtjz7bVdprSvt"
    "CJL0wle2kXRkBMbnLglKGrLnNUFsRXveevCkkqmDSQAAAA==" },
  { "snapshots/09fcfd3bcee135f33078d78596f02e3ea3cc61f865452385e0a803593395c833",
    "/Id0B/ju77YSTXkrs67JWMHx9QVFNjHNEf6yu8IEEWM4HkjBHNYBCiLNeBNd2xfCAPXja5U9fTo25Rin"
    "HFPS6EUyFS9/Ua5C/vbApAJpeBObvPw//6utOqXAfFu8z/WlWZixaipELPPTQdSbNore4K6M28zQ70PV"
    "K43VTQPxrKOXuLMG8nx9+D04DETErNkEF2yIzQACvhlDSrkEqJ4QzmG3cBwEdo/wSV3Mix+sxZolamsB"
    "wbon16khThU/OCgGXJKF+GsGpQ8VBrLQtQ==" },
};

/* Where they stand in restic_files. */
enum
{
  RESTIC_FILE_KEY,
  RESTIC_FILE_CONFIG,
  RESTIC_FILE_INDEX,
  RESTIC_FILE_DATA_PACK,
  RESTIC_FILE_TREE_PACK,
  RESTIC_FILE_SNAPSHOT,
};
