/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * usb4sim - PCI configuration space and MSI-X vectors
 */

#ifndef USIM_PCI_H
#define USIM_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct usim_host;

#define USIM_PCI_CONFIG_SIZE	4096
#define USIM_PCI_BAR0_SIZE	0x40000		/* host interface registers */
#define USIM_PCI_BAR2_SIZE	0x1000		/* MSI-X table and pending bits */
#define USIM_PCI_VECTORS	16

/**
 * struct usim_pci - PCI function
 * @config: configuration space
 * @writable: bits of @config that the guest can change
 * @msix: MSI-X table and pending bits; QEMU emulates both, this only answers
 *	  clients that look
 * @vector: eventfd of each MSI-X vector, -1 for none
 * @resets: times the function was reset
 */
struct usim_pci {
	uint8_t config[USIM_PCI_CONFIG_SIZE];
	uint8_t writable[USIM_PCI_CONFIG_SIZE];
	uint8_t msix[USIM_PCI_BAR2_SIZE];
	int vector[USIM_PCI_VECTORS];
	uint64_t resets;
};

void usim_pci_init(struct usim_host *host);
void usim_pci_reset(struct usim_host *host);
void usim_pci_disconnect(struct usim_host *host);
bool usim_pci_config_read(const struct usim_pci *pci, uint64_t offset, void *buf, size_t len);
bool usim_pci_config_write(struct usim_pci *pci, uint64_t offset, const void *buf, size_t len);
bool usim_pci_bus_master(const struct usim_pci *pci);
int usim_pci_set_vector(struct usim_pci *pci, unsigned int vector, int fd);
void usim_pci_clear_vectors(struct usim_pci *pci);
bool usim_pci_interrupt(struct usim_pci *pci, unsigned int vector);

#endif
