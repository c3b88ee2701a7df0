# SPDX-License-Identifier: GPL-2.0-only
#
# thunderbolt_stream: byte streams between two hosts over USB4 and Thunderbolt
#
# "make help" says what there is to make.

KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
LAB  := tools/testing/lab
TOOL := $(MAKE) --no-print-directory -C tools/thunderbolt/tbstream O=$(CURDIR)/build/tbstream
# For another machine: everything goes below the directory that either is set to
INTO := $(or $(INSTALL_MOD_PATH),$(DESTDIR))
# Nothing of this make concerns those that the scripts start
RUN  := env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL

# Distributions keep their signing key to themselves; without one, do not try
UNSIGNED := $(if $(wildcard $(KDIR)/certs/signing_key.pem),,CONFIG_MODULE_SIG_ALL=)

all: ## Build the module for the running kernel (KVER= or KDIR= for another), and tbstream
all: modules tool

modules: ## Build only the module
modules: kernel
	@$(MAKE) --no-print-directory -C $(KDIR) M=$(CURDIR) modules

tool: ## Build only tbstream, the command for the person at the shell
	@$(TOOL)

# What is loaded, and what else holds the module, is seen to when all is in its place
RELEASE = $$($(RUN) $(MAKE) -s --no-print-directory -C $(KDIR) kernelrelease)

install: ## Install both: the module into updates/, where it wins over the kernel's own
install: all
	@$(TOOL) install DESTDIR=$(INTO)
	@$(MAKE) --no-print-directory -C $(KDIR) M=$(CURDIR) INSTALL_MOD_PATH=$(INTO) \
		INSTALL_MOD_DIR=updates $(UNSIGNED) modules_install
	@scripts/installed "$(RELEASE)" $(INTO)

uninstall: ## Take away what "make install" has installed
uninstall: kernel
	@$(TOOL) uninstall DESTDIR=$(INTO)
	@rm -f $(INTO)/lib/modules/$(RELEASE)/updates/thunderbolt_stream.ko*
	@scripts/installed "$(RELEASE)" $(INTO)

deb: ## Make Debian packages of both in build/deb, the module's for DKMS
	@packaging/make-deb

kernel:
	@compat/check-kernel $(KDIR)

demo: ## Two virtual hosts and a cable: backups over /dev/tbstreamX (as root)
	@$(RUN) $(LAB)/tblab demo

lab: ## Two virtual hosts and a cable: a root shell on each, to play with (as root)
	@$(RUN) $(LAB)/tblab shell

quick: ## Tests for after each change: no root, no lab, under a minute; T="PART..." for some
	+@$(RUN) scripts/quick $(T)

check: ## Tests of every kind (as root); T="STAGE..." for some of them
	+@$(RUN) scripts/check $(T)

check-all: ## All tests that need no hardware (as root); T="STAGE..." for some of them
	+@$(RUN) scripts/check --all $(T)

check-tree: ## Lay the driver over kernel trees, build and check it there (as root)
	+@$(RUN) scripts/check tree

# If tests fail, the last line shall be the count of results. Without -q make would
# add one of its own; what has a "+" is run all the same.
ifneq ($(filter quick check check-all check-tree,$(MAKECMDGOALS)),)
MAKEFLAGS += -q
endif

setup: ## Only make the lab: Debian, two kernels, QEMU in build/root (as root)
	@$(RUN) $(LAB)/setup

usb4sim-check: ## Only the simulator's unit tests (as root)
usb4sim-check: setup
	@$(RUN) $(LAB)/enter make -C tools/testing/usb4sim check

kunit: ## Only the driver's KUnit tests, in a user mode kernel (as root)
kunit: setup
	@$(RUN) $(LAB)/enter scripts/kunit $(T)

style: ## Only what needs no run: warnings, sparse, checkpatch, ... (as root)
style: setup
	@$(RUN) $(LAB)/enter scripts/style $(T)

packages-check: ## Only make install, DKMS and the Debian package (as root)
packages-check: setup
	@$(RUN) $(LAB)/enter packaging/check

lab-check: ## Only the tests on virtual hosts (as root); T="..." goes to pytest
	@$(RUN) $(LAB)/tblab test $(T)

soak: ## Repeat tests N times, with and without busy processors: how often does each fail? (as root)
	@$(RUN) $(LAB)/soak "$(T)" $(or $(N),20)

bench: ## How fast, beside other drivers (as root); T="--help" for more
	@$(RUN) tools/testing/bench/measure compare $(T)

torture: ## The complete fault matrix, long storms and a camera for minutes (as root); TBLAB_SEED=N for others
	@$(RUN) TORTURE_SECONDS=$${TORTURE_SECONDS:-900} $(LAB)/tblab test --slow tests/faults tests/storm tests/driver/test_camera.py

compile_commands.json: ## For clangd: how each file is compiled; the driver's, once it was built
	@scripts/compile-commands

clean: ## Remove what was built, but not the lab's Debian and its downloads
	@find . \( -path ./.git -o -path ./build \) -prune -o -type f \
		\( -name '*.o' -o -name '*.ko' -o -name '*.mod' -o -name '*.mod.c' \
		-o -name '.*.cmd' -o -name Module.symvers -o -name modules.order \) \
		-exec rm -f {} +
	@rm -rf build/modules build/install build/deb build/tbstream build/usb4sim build/kunit \
		build/linux-* build/tree-* build/debug-kernel build/selftests \
		build/style build/check build/quick compile_commands.json

distclean: ## Remove everything that is not source, the lab included (as root)
distclean: clean
	@if [ -e build/lab.lock ] && ! flock -n build/lab.lock true; then \
		echo "The lab is running; stop it first." >&2; \
		exit 1; \
	fi
	@rm -rf --one-file-system build

help: ## This list
	@echo "make [TARGET]   the first one is the default"
	@echo
	@awk -F ': ## ' '/^[a-z0-9_.-]+: ## / { printf "  %-22s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "What needs root makes a Debian system in build/root and works inside it;"
	@echo "on this machine itself only debootstrap is installed, if it is missing."

.PHONY: all modules tool install uninstall deb kernel demo lab quick check check-all check-tree setup \
	usb4sim-check kunit style packages-check lab-check soak bench torture \
	compile_commands.json clean distclean help
