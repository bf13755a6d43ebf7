/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Names of the units openbravo*.service and tomcat*.service that systemd runs, sorted; empty where
 * there is none, and where systemd does not answer within two seconds. Interface:
 * org.freedesktop.systemd1(5), ListUnitsByPatterns. Transfer full. Blocks. */
GStrv ob_setup_find_units (GDBusConnection *bus);

/* Whether @name can be a unit's, with or without ".service", as systemd.unit(5) has it. Any
 * thread. */
gboolean ob_setup_unit_is_valid (const char *name);

G_END_DECLS
