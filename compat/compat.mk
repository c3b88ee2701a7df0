# SPDX-License-Identifier: GPL-2.0-only
#
# The driver's own Makefile, and for each thing that the kernel built for does not have
# one object from compat/. Takes tbstream-dir and compat-dir: where the driver and compat/
# are, seen from the directory that is built.

tbstream-header := $(srctree)/include/linux/thunderbolt.h
# What the kernel's header says, because versions do not tell: distributions' kernels
# carry changes of later ones
tbstream-lacks = $(if $(shell grep -E -e '$(1)' $(tbstream-header)),,y)
tbstream-has = $(if $(call tbstream-lacks,$(1)),,y)

thunderbolt_stream-y :=
include $(abspath $(src))/$(tbstream-dir)Makefile
tbstream-objs := $(thunderbolt_stream-y)

NOSTDINC_FLAGS += -I$(abspath $(src))/$(compat-dir)include
ccflags-y += -I$(abspath $(src))/$(tbstream-dir)

# Until 7.2 probe() has the matching ID as its second argument
ifeq ($(call tbstream-has,probe.*const struct tb_service_id),y)
tbstream-compat += service.o
ccflags-y += -DCOMPAT_SERVICE
endif
# 7.2 moderates interrupts per ring, before that by register and for all rings
ifeq ($(call tbstream-lacks,tb_ring_throttling),y)
tbstream-compat += ring.o
ccflags-y += -DCOMPAT_RING
endif
# 7.2 has the ConfigFS directory "thunderbolt"
ifeq ($(call tbstream-lacks,tb_configfs_register_group),y)
tbstream-compat += configfs.o
ccflags-y += -DCOMPAT_CONFIGFS
endif
# 7.2 has properties per service; before that all hosts see one directory
ifeq ($(call tbstream-lacks,tb_service_properties_changed),y)
tbstream-compat += advertise.o
tbstream-objs := $(filter-out advertise.o,$(tbstream-objs))
# It has tests, which are in the tests' own module and nowhere else
ifndef CONFIG_USB4_STREAM
thunderbolt_stream_test-y += $(compat-dir)test_advertise.o
endif
endif

thunderbolt_stream-y := $(addprefix $(tbstream-dir),$(tbstream-objs)) \
			$(addprefix $(compat-dir),$(tbstream-compat))

# Said once, by the make that compiles, unless it shall be silent
tbstream-probe-service := probe() without the matching ID
tbstream-probe-ring := tb_ring_throttling()
tbstream-probe-configfs := tb_configfs_register_group()
tbstream-probe-advertise := tb_service_properties_changed()
ifeq ($(need-modorder)$(filter silent_,$(quiet)),1)
tbstream-answer = $(if $(filter $(1).o,$(tbstream-compat)),no$(comma) compat/$(1).c,yes)
$(foreach shim,service ring configfs advertise,\
	$(info $(empty)  PROBE   $(tbstream-probe-$(shim)): $(call tbstream-answer,$(shim))))
endif
