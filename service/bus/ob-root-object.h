/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ob-dbus-generated.h"

G_BEGIN_DECLS

typedef struct _ObManager ObManager;

#define OB_TYPE_ROOT_OBJECT (ob_root_object_get_type ())
G_DECLARE_FINAL_TYPE (ObRootObject, ob_root_object, OB, ROOT_OBJECT, ObDBusBackup1Skeleton)

/* The interface org.openbravo.Backup1. @manager outlives it. Transfer full. Main context. */
ObRootObject *ob_root_object_new (ObManager *manager);

G_END_DECLS
