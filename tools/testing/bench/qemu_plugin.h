/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What instructions.c needs of version 7 of QEMU's interface for plugins
 *
 * Debian packages QEMU without the header for it. The interface is described in
 * QEMU's docs/devel/tcg-plugins.rst.
 */

#ifndef QEMU_PLUGIN_H
#define QEMU_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_scoreboard;

struct qemu_plugin_u64 {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
};

enum qemu_plugin_op {
	QEMU_PLUGIN_INLINE_ADD_U64 = 0,
};

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*callback)(struct qemu_plugin_tb *tb,
							    void *data),
					   void *data);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb,
						       enum qemu_plugin_op op,
						       struct qemu_plugin_u64 entry,
						       uint64_t val);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t size);
uint64_t qemu_plugin_u64_sum(struct qemu_plugin_u64 entry);

extern EXPORT int qemu_plugin_version;

EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

#endif
