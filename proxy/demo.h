/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `corral demo`: a slow backend, Corral in front of it, stampedes, and a table of what happened.
 */
#ifndef CORRAL_DEMO_H
#define CORRAL_DEMO_H

#include <stdbool.h>

/*
 * Runs on loopback ports the kernel gives; ends by itself within 30 s.  keep: then leaves backend
 * and Corral running, says which URLs to try, until SIGINT or SIGTERM.  The exit status.
 */
int	demo_run(bool keep);

#endif
