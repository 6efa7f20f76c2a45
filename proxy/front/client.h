/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One request's life, from the gate to its one count.  And the clients of one worker together.
 */
#ifndef CORRAL_FRONT_CLIENT_H
#define CORRAL_FRONT_CLIENT_H

#include "front/gate.h"

struct cache;
struct clients;
struct fills;
struct worker;

/* What the clients of one worker share.  Owner's thread. */
struct clients	*clients_new(struct worker *w, struct cache *c, struct fills *fs);
/*
 * Memory is short: cuts those who took less than CLIENTS_PRESS_RATE bytes of their answers since
 * the last call, and wait with more.  Called once a second while it lasts.
 */
#define CLIENTS_PRESS_RATE	((uint64_t)16 << 10)
void	clients_press(struct clients *cs);
/* With none left. */
void	clients_free(struct clients *cs);

/* For listener_new(), with the clients as arg. */
extern const struct gate_ops client_gate_ops;

#endif
