# SPDX-License-Identifier: GPL-2.0
# The lab: everything is a subcommand of lab/lab.py, which works in out/.

LAB = python3 -B lab/lab.py

MODEL = $(MAKE) --no-print-directory -s -C model VARIANT=fast
SCALE = out/model/fast/scale

.PHONY: help demo model scale coverage fuzz
.PHONY: deps source build boot run test check insns record clean

help: ## print this
	@echo "make TARGET [VARIABLE=value ...]"
	@sed -n 's/^\([a-z]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 12
	@echo "KERNELS, KERNEL: stock, naive, dmap, debug. More: $(LAB) --help"

demo: ## the model alone, in a minute: a recorded load under each policy [TRACE=FILE]
	@sh lab/deps.sh --model
	@$(MODEL) $(abspath $(SCALE))
	@$(SCALE) demo $(or $(TRACE),model/traces/guest-churn.trace.gz) --svg out/demo.svg

model: deps ## run the model's tests alone: no kernel is built
	@$(LAB) model

scale: deps ## the model from 1 GiB to 64 TiB, then all policies side by side
	@$(MODEL) $(abspath $(SCALE))
	@$(SCALE) run --json out/scale.json --svg out/scale.svg
	@$(SCALE) compare --json out/policies.json --svg out/policies.svg

coverage: deps ## lines of mm/dmap that the model's tests reach
	@$(LAB) coverage

fuzz: deps ## fuzz mm/dmap in the model [SECONDS=600]
	@$(MAKE) --no-print-directory -s -C model VARIANT=fuzz
	@mkdir -p out/model/corpus out/log
	@out/model/fuzz/fuzz-ops -max_total_time=$(or $(SECONDS),600) -timeout=10 \
		-max_len=1500 -artifact_prefix=out/log/fuzz- -print_final_stats=1 \
		out/model/corpus model/fuzz/corpus

deps: ## install the Debian packages that are missing
	@sh lab/deps.sh

source: deps ## unpack Linux, apply kernel/ and hooks/ [KERNELS=dmap,... FORCE=1]
	@$(LAB) source $(if $(KERNELS),--kernels $(KERNELS)) $(if $(FORCE),--force)

build: deps ## build kernels and the guest [KERNELS=stock,naive,dmap]
	@$(LAB) build $(if $(KERNELS),--kernels $(KERNELS))

boot: deps ## a shell in a guest [KERNEL=dmap MEM=2G CPUS=2 APPEND="..."]
	@$(LAB) boot $(if $(KERNEL),--kernel $(KERNEL)) $(if $(MEM),--memory $(MEM)) \
		$(if $(CPUS),--cpus $(CPUS)) $(if $(APPEND),--append="$(APPEND)")

run: deps ## the same load on each kernel, one table [KERNELS=stock,naive,dmap MEM=4G]
	@$(LAB) run $(if $(KERNELS),--kernels $(KERNELS)) $(if $(MEM),--memory $(MEM))

test: deps ## run every test [ONLY=text: test boots with that in their name]
	@$(LAB) test $(if $(ONLY),--only="$(ONLY)")

check: deps ## checkpatch, sparse, kernel-doc, a reason in every hook
	@$(LAB) check

insns: deps ## count instructions: stock, dmap=off, dmap=on
	@$(LAB) insns

record: deps ## a trace of page-table allocation [LOAD=mmapfork|mix|churn MEM=1G TRACE=FILE]
	@$(LAB) record $(if $(LOAD),--load="$(LOAD)") $(if $(MEM),--memory $(MEM)) \
		$(if $(CPUS),--cpus $(CPUS)) $(if $(TRACE),--output "$(TRACE)")

clean: ## remove out/: sources, kernels, logs, results
	rm -rf out
