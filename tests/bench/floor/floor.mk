# Builds imc_floor.so, the benchmark's module that only sends.
#
#   make -f tests/bench/floor/floor.mk KAMAILIO_SRC=<Kamailio's source> OUT=<imc_floor.so>
#
# Kamailio's flags are found as for imc.so: see mk/shim.mk.

include $(KAMAILIO_SRC)/src/config.mak

SOURCE := tests/bench/floor/imc_floor.c

.DEFAULT_GOAL := $(OUT)

$(OUT): $(SOURCE) tests/bench/floor/floor.mk
	@mkdir -p $(@D)
	$(CC) -O2 -g -fPIC -shared -pthread -fno-strict-aliasing -fstack-protector-strong \
		-Wall -Wextra -Werror -Wno-unused-parameter -Wno-cast-function-type \
		-Wno-missing-field-initializers $(CC_PMUTEX_OPTS) $(C_DEFS) \
		-DMOD_NAME='"imc_floor"' -DMOD_NAMEID='imc_floor' \
		-isystem $(KAMAILIO_SRC)/src -isystem $(KAMAILIO_SRC)/src/modules/imc \
		-Wl,-z,relro,-z,now -o $@ $<
