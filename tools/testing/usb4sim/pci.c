// SPDX-License-Identifier: GPL-2.0-only
/*
 * usb4sim - PCI configuration space and MSI-X vectors
 *
 * QEMU sizes the BARs and owns the MSI-X table; the simulator sees the writes
 * and signals eventfds. There is no power management capability: a function
 * that cannot signal PME must not be put into D3 at run time.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "pci.h"

#define PCI_VENDOR		0x00
#define PCI_DEVICE		0x02
#define PCI_COMMAND		0x04
#define   PCI_COMMAND_MEMORY	0x0002
#define   PCI_COMMAND_MASTER	0x0004
#define   PCI_COMMAND_WRITABLE	0x0546	/* memory, master, parity, SERR, INTx off */
#define PCI_STATUS		0x06
#define   PCI_STATUS_CAPS	0x0010
#define PCI_REVISION		0x08
#define PCI_CLASS		0x09
#define   PCI_CLASS_USB4	0x0c0340
#define PCI_CACHE_LINE		0x0c
#define PCI_BAR0		0x10
#define PCI_BAR2		0x18
#define PCI_SUBVENDOR		0x2c
#define PCI_SUBDEVICE		0x2e
#define PCI_CAPS		0x34
#define PCI_INT_LINE		0x3c
#define PCI_INT_PIN		0x3d

#define MSIX_CAP		0x40
#define   MSIX_CAP_ID		0x11
#define   MSIX_CTRL		(MSIX_CAP + 2)
#define   MSIX_CTRL_WRITABLE	0xc000	/* enable, function mask */
#define   MSIX_TABLE		(MSIX_CAP + 4)
#define   MSIX_PBA		(MSIX_CAP + 8)
#define   MSIX_BIR		2
#define   MSIX_PBA_OFFSET	0x800

static void put16(uint8_t *p, uint16_t val)
{
	p[0] = (uint8_t)val;
	p[1] = (uint8_t)(val >> 8);
}

static void put32(uint8_t *p, uint32_t val)
{
	put16(p, (uint16_t)val);
	put16(p + 2, (uint16_t)(val >> 16));
}

static void fill_config(struct usim_host *host)
{
	const struct usim_profile *profile = host->config.profile;
	struct usim_pci *pci = &host->pci;
	uint8_t *c = pci->config;

	memset(c, 0, sizeof(pci->config));
	put16(c + PCI_VENDOR, profile->vendor);
	put16(c + PCI_DEVICE, profile->device);
	put16(c + PCI_STATUS, PCI_STATUS_CAPS);
	c[PCI_REVISION] = 1;
	c[PCI_CLASS] = PCI_CLASS_USB4 & 0xff;
	put16(c + PCI_CLASS + 1, PCI_CLASS_USB4 >> 8);
	put16(c + PCI_SUBVENDOR, profile->vendor);
	put16(c + PCI_SUBDEVICE, profile->device);
	c[PCI_CAPS] = MSIX_CAP;
	c[MSIX_CAP] = MSIX_CAP_ID;
	put16(c + MSIX_CTRL, USIM_PCI_VECTORS - 1);
	put32(c + MSIX_TABLE, MSIX_BIR);
	put32(c + MSIX_PBA, MSIX_PBA_OFFSET | MSIX_BIR);
}

/**
 * usim_pci_init() - make the PCI function of a host
 * @host: the host
 */
void usim_pci_init(struct usim_host *host)
{
	struct usim_pci *pci = &host->pci;
	uint8_t *w = pci->writable;
	unsigned int i;

	fill_config(host);
	put16(w + PCI_COMMAND, PCI_COMMAND_WRITABLE);
	w[PCI_CACHE_LINE] = 0xff;
	put32(w + PCI_BAR0, ~(uint32_t)(USIM_PCI_BAR0_SIZE - 1));
	put32(w + PCI_BAR2, ~(uint32_t)(USIM_PCI_BAR2_SIZE - 1));
	w[PCI_INT_LINE] = 0xff;
	put16(w + MSIX_CTRL, MSIX_CTRL_WRITABLE);
	for (i = 0; i < USIM_PCI_VECTORS; i++)
		pci->vector[i] = -1;
}

/**
 * usim_pci_reset() - reset of the PCI function
 * @host: the host
 *
 * The interrupt eventfds are the client's to take back.
 */
void usim_pci_reset(struct usim_host *host)
{
	fill_config(host);
	memset(host->pci.msix, 0, sizeof(host->pci.msix));
	host->pci.resets++;
}

/**
 * usim_pci_disconnect() - the virtual machine has gone
 * @host: the host
 */
void usim_pci_disconnect(struct usim_host *host)
{
	usim_pci_clear_vectors(&host->pci);
}

/**
 * usim_pci_config_read() - read configuration space
 * @pci: the function
 * @offset: first byte
 * @buf: where to
 * @len: bytes
 *
 * Return: false when out of range.
 */
bool usim_pci_config_read(const struct usim_pci *pci, uint64_t offset, void *buf, size_t len)
{
	if (offset > sizeof(pci->config) || len > sizeof(pci->config) - offset)
		return false;
	memcpy(buf, pci->config + offset, len);
	return true;
}

/**
 * usim_pci_config_write() - write configuration space
 * @pci: the function
 * @offset: first byte
 * @buf: the data
 * @len: bytes
 *
 * Return: false when out of range.
 */
bool usim_pci_config_write(struct usim_pci *pci, uint64_t offset, const void *buf, size_t len)
{
	const uint8_t *from = buf;
	size_t i;

	if (offset > sizeof(pci->config) || len > sizeof(pci->config) - offset)
		return false;
	for (i = 0; i < len; i++) {
		uint8_t w = pci->writable[offset + i];
		uint8_t *c = &pci->config[offset + i];

		*c = (uint8_t)((*c & ~w) | (from[i] & w));
	}
	return true;
}

/**
 * usim_pci_bus_master() - may the function access memory?
 * @pci: the function
 *
 * Return: state of the Bus Master bit.
 */
bool usim_pci_bus_master(const struct usim_pci *pci)
{
	return pci->config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

/* An eventfd, made non-blocking: nothing else may block the simulator. */
static int check_eventfd(int fd)
{
	char path[64], link[64];
	ssize_t len;
	int flags;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return -errno;
	link[len] = '\0';
	if (strcmp(link, "anon_inode:[eventfd]"))
		return -EINVAL;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return -errno;
	return 0;
}

/**
 * usim_pci_set_vector() - connect an MSI-X vector
 * @pci: the function
 * @vector: below USIM_PCI_VECTORS
 * @fd: eventfd, which becomes ours, or -1 to disconnect
 *
 * Return: 0, or a negative errno, in which case @fd is closed.
 */
int usim_pci_set_vector(struct usim_pci *pci, unsigned int vector, int fd)
{
	int ret;

	if (fd >= 0) {
		ret = check_eventfd(fd);
		if (ret) {
			close(fd);
			return ret;
		}
	}
	if (pci->vector[vector] >= 0)
		close(pci->vector[vector]);
	pci->vector[vector] = fd;
	return 0;
}

/**
 * usim_pci_clear_vectors() - disconnect all MSI-X vectors
 * @pci: the function
 */
void usim_pci_clear_vectors(struct usim_pci *pci)
{
	unsigned int i;

	for (i = 0; i < USIM_PCI_VECTORS; i++)
		usim_pci_set_vector(pci, i, -1);
}

/**
 * usim_pci_interrupt() - signal an MSI-X vector
 * @pci: the function
 * @vector: below USIM_PCI_VECTORS
 *
 * Return: false when the vector is not connected.
 */
bool usim_pci_interrupt(struct usim_pci *pci, unsigned int vector)
{
	const uint64_t one = 1;

	if (pci->vector[vector] < 0)
		return false;
	/* A full counter means that the client has an interrupt to handle. */
	return write(pci->vector[vector], &one, sizeof(one)) == sizeof(one) ||
	       errno == EAGAIN;
}
