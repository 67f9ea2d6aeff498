# SPDX-License-Identifier: GPL-2.0
# What the model is made of.

# All of the kernel source that the model needs.
LINUX_FILES := $(shell cat linux-files)
TARBALL	?= /usr/src/linux-source-6.12.tar.xz

ifndef LINUX
LINUX	:= $(OUT)/linux
UNPACKED := $(LINUX)/.unpacked
$(UNPACKED): linux-files $(TARBALL)
	@echo "unpacking the part of Linux that the model needs, about 15 s" >&2
	@rm -rf $(LINUX)
	@mkdir -p $(LINUX)
	@tar -xJf $(TARBALL) -C $(LINUX) --strip-components=1 \
		$(LINUX_FILES:%=linux-source-6.12/%)
	@touch $@

$(TARBALL):
	@echo "$@ is missing: install linux-source-6.12, or say LINUX=tree" >&2
	@false

$(patsubst %,$(LINUX)/%,$(filter %.c,$(LINUX_FILES))): $(UNPACKED) ;
endif

# Forwarding headers, each for one line of shim/headers.
GATE	:= $(OUT)/include/.made

KERNEL_OBJS := $(patsubst $(KERNEL)/%.c,kernel/%.o, \
	$(filter-out %_test.c,$(wildcard $(KERNEL)/mm/dmap/*.c)) \
	$(KERNEL)/arch/x86/mm/dmap.c)
LINUX_OBJS := $(patsubst %.c,linux/%.o,$(filter %.c,$(LINUX_FILES)))
MACHINE_OBJS := $(patsubst %.c,%.o,$(wildcard machine/*.c))
# Objects have a directory of their own, for a program may be called "scale".
# The machine is the same for every KERNEL.
B	:= $(O)/obj
M	:= $(OUT)/$(VARIANT)/obj
LIB	:= $(O)/libmodel.a
LIB_OBJS := $(KERNEL_OBJS:%=$(B)/%) $(addprefix $(M)/,$(LINUX_OBJS) $(MACHINE_OBJS))

# A program of each source file in tests/ that has a main(), and of its
# helpers there; one program of all of scale/; one of each in fuzz/.
TEST_MAINS := $(shell grep -ls '^int main\>' tests/*.c)
TEST_HELPERS := $(filter-out $(TEST_MAINS),$(wildcard tests/*.c))
TESTS	:= $(patsubst tests/%.c,%,$(TEST_MAINS))
SCALE	:= $(if $(wildcard scale/main.c),scale)
FUZZERS	:= $(if $(filter fuzz,$(VARIANT)),$(patsubst fuzz/%.c,%,$(wildcard fuzz/*.c)))
PROGRAMS := $(if $(filter fuzz,$(VARIANT)),$(FUZZERS),$(TESTS) $(SCALE) duplicates)

$(GATE): shim/headers $(UNPACKED)
	@rm -rf $(OUT)/include
	@mkdir -p $(OUT)/include/mm
	@grep '^[a-z]' $< | while read -r header part; do \
		mkdir -p $(OUT)/include/$$(dirname $$header); \
		echo "#include \"$${part:-gate.h}\"" >$(OUT)/include/$$header; \
	done
	@touch $@

$(B)/kernel/%.o: $(KERNEL)/%.c | $(GATE)
	@mkdir -p $(@D)
	@$(SAY) $(CC) $@
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(KERNEL_FLAGS_$(VARIANT)) -c -o $@ $<

# The kernel's own library code, as it is: what it is warned of is not ours.
$(M)/linux/%.o: $(LINUX)/%.c | $(GATE)
	@mkdir -p $(@D)
	@$(SAY) $(CC) $@
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -w -c -o $@ $<

$(M)/machine/%.o: machine/%.c | $(GATE)
	@mkdir -p $(@D)
	@$(SAY) $(CC) $@
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(B)/%.o: %.c | $(GATE)
	@mkdir -p $(@D)
	@$(SAY) $(CC) $@
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# Quick append, for names are not unique: machine/buddy.o, mm/dmap/buddy.o.
$(LIB): $(LIB_OBJS)
	@rm -f $@
	$(Q)ar qcs $@ $^

TEST_LIB := $(O)/libtests.a
$(TEST_LIB): $(patsubst %.c,$(B)/%.o,$(TEST_HELPERS))
	@rm -f $@
	$(Q)ar qcs $@ $^

libs_of = $(if $(shell grep -ls cmocka.h tests/$(1).c),-lcmocka) -lm -lpthread

# The kernel's tests register themselves: nobody calls for them by name.
$(O)/kunit: $(B)/kernel/mm/dmap/dmap_test.o
$(O)/kunit: EXTRA := $(B)/kernel/mm/dmap/dmap_test.o

$(O)/duplicates: $(B)/shim/duplicates.o
	@$(SAY) $(CC) $@
	$(Q)$(CC) $(CFLAGS) -o $@ $<

# All of scale/ but its main(), which tests may want too.
SCALE_LIB := $(O)/libscale.a
$(SCALE_LIB): $(patsubst %.c,$(B)/%.o,$(filter-out scale/main.c,$(wildcard scale/*.c)))
	@rm -f $@
	$(Q)ar qcs $@ $^

$(TESTS:%=$(O)/%): $(O)/%: $(B)/tests/%.o $(TEST_LIB) $(SCALE_LIB) $(LIB)
	@$(SAY) $(CC) $@
	$(Q)$(CC) $(CFLAGS) -o $@ $< $(EXTRA) $(TEST_LIB) $(SCALE_LIB) $(LIB) $(call libs_of,$*)

$(O)/scale: $(B)/scale/main.o $(SCALE_LIB) $(LIB)
	@$(SAY) $(CC) $@
	$(Q)$(CC) $(CFLAGS) -o $@ $^ -lm -lpthread

$(FUZZERS:%=$(O)/%): $(O)/%: $(B)/fuzz/%.o $(TEST_LIB) $(LIB)
	@$(SAY) $(CC) $@
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer -o $@ $< $(TEST_LIB) $(LIB) -lm -lpthread

-include $(shell find $(sort $(B) $(M)) -name '*.d' 2>/dev/null)
