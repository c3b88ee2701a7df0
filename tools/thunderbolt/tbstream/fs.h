/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files of the kernel, with paths relative to the root directory.
 */

#ifndef TBSTREAM_FS_H
#define TBSTREAM_FS_H

#include <sys/stat.h>

#include "tbstream.h"

#define CONFIGFS_DIR "sys/kernel/config/thunderbolt/stream"
#define CLASS_DIR "sys/class/tbstream"
#define BUS_DIR "sys/bus/thunderbolt/devices"

int fs_init(void);
int fs_open(int flags, const char *format, ...) PRINTF(2, 3);
int fs_stat(struct stat *status, const char *format, ...) PRINTF(2, 3);
bool fs_allowed(int mode, const char *format, ...) PRINTF(2, 3);
int fs_read(char *value, size_t size, const char *format, ...) PRINTF(3, 4);
int fs_read_line(char *value, size_t size, const char *word,
		 const char *format, ...) PRINTF(4, 5);
int fs_write(const char *value, const char *format, ...) PRINTF(2, 3);
bool fs_exists(const char *format, ...) PRINTF(1, 2);
int fs_mkdir(const char *format, ...) PRINTF(1, 2);
int fs_rmdir(const char *format, ...) PRINTF(1, 2);
int fs_link_name(char *name, size_t size, const char *format, ...) PRINTF(3, 4);
char **fs_names(const char *format, ...) PRINTF(1, 2);
void fs_names_free(char **names);

#endif /* TBSTREAM_FS_H */
