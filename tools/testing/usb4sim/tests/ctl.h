/* SPDX-License-Identifier: GPL-2.0-only */
/* A miniature connection manager: control packets, configuration, paths. */
#ifndef USIM_TEST_CTL_H
#define USIM_TEST_CTL_H

#include "nhi.h"

/* Results of configuration requests besides 0 */
#define CFG_ERROR(code)		(0x100 | (code))
#define CFG_NO_ANSWER		0x200

#define ROUTE_REPLY		BIT32(31)	/* in the high dword */

uint32_t crc32c(const void *data, size_t len);

void ctl_start(struct host *host);
void ctl_stop(struct host *host);
void ctl_send(struct host *host, unsigned int pdf, const uint32_t *dw,
	      unsigned int count);
void ctl_send_raw(struct host *host, unsigned int pdf, const void *bytes,
		  unsigned int len);
unsigned int ctl_pack(uint8_t *bytes, const uint32_t *dw, unsigned int count);
void ctl_poll(struct host *host);
bool ctl_take(struct host *host, unsigned int pdf, struct packet *packet);
void ctl_wait(struct host *host, unsigned int pdf, struct packet *packet);
void ctl_ack_event(struct host *host, const struct plug_event *event);
unsigned int ctl_events(struct host *host, bool unplug);

int cfg_read(struct host *host, uint64_t route, unsigned int adapter,
	     unsigned int space, unsigned int offset, unsigned int count,
	     uint32_t *data);
int cfg_write(struct host *host, uint64_t route, unsigned int adapter,
	      unsigned int space, unsigned int offset, unsigned int count,
	      const uint32_t *data);
uint32_t router_get(struct host *host, unsigned int offset);
void router_set(struct host *host, unsigned int offset, uint32_t value);
uint32_t adapter_get(struct host *host, unsigned int adapter,
		     unsigned int offset);
void adapter_set(struct host *host, unsigned int adapter, unsigned int offset,
		 uint32_t value);
unsigned int adapter_cap(struct host *host, unsigned int adapter,
			 unsigned int id);

void host_find_adapters(struct host *host);
void host_start(struct host *host);
bool host_link_up(struct host *host);
void pair_start(struct host host[SIM_HOSTS], struct sim *sim,
		const struct sim_config *config);

void path_out_on(struct host *host, unsigned int ring, unsigned int hopid);
void path_in_on(struct host *host, unsigned int hopid, unsigned int ring);
void path_out_off(struct host *host, unsigned int ring);
void path_in_off(struct host *host, unsigned int hopid);
void path_off_start(struct host *host, unsigned int adapter, unsigned int index);

#endif
