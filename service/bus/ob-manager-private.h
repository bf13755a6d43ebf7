/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the two files of the manager share. */
#pragma once

#include "ob-authorizer.h"
#include "ob-health.h"
#include "ob-holds.h"
#include "ob-job-queue.h"
#include "ob-manager.h"
#include "ob-reload.h"
#include "ob-root-object.h"
#include "ob-schedules.h"
#include "ob-sleep-inhibitor.h"
#include "ob-teller.h"

G_BEGIN_DECLS

struct _ObManager
{
  GObject parent_instance;

  ObContext *context;
  GDBusObjectManagerServer *server;
  ObAuthorizer *authorizer;
  ObJobQueue *queue;
  ObRootObject *root;
  ObClock *clock;
  ObSchedules *schedules;
  ObTeller *teller;
  ObHealth *health;
  ObSleepInhibitor *inhibitor;
  ObReload *reload;
  GHashTable *instances;    /* name → ObInstanceObject */
  GHashTable *destinations; /* name → ObDestinationObject */
  GHashTable *jobs;         /* ObJob → ObJobObject */
  ObHolds *holds;
  gboolean recovered;
  gboolean stopping;
};

/* Puts @skeleton on the bus at @path; @owner: whose it is, or OB_NOBODY. */
void ob_manager_export_owned (ObManager *manager, GDBusInterfaceSkeleton *skeleton,
                              const char *path, guint owner);

G_END_DECLS
