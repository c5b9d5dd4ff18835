# Builds imc.so, the part that Kamailio loads, from kamailio-shim/*.c.
#
#   make -f mk/shim.mk KAMAILIO_SRC=<Kamailio's source> IMC_VERSION=<ours> \
#       OUT=<imc.so> OBJ=<folder> [CC=] [CFLAGS=] [CPPFLAGS=] [LDFLAGS=]
#
# Kamailio refuses a module whose version or compile flags differ from its
# own, so both come from the config.mak that Kamailio's own "make cfg" leaves
# in its source: C_DEFS, and CC_PMUTEX_OPTS with -DKSR_PTHREAD_MUTEX_SHARED.

include $(KAMAILIO_SRC)/src/config.mak

SOURCES := $(wildcard kamailio-shim/*.c)
HEADERS := $(wildcard kamailio-shim/*.h)
OBJECTS := $(SOURCES:kamailio-shim/%.c=$(OBJ)/%.o)

# Kamailio's headers are system headers here, so that the warnings are about
# our files alone. Three of -Wextra stay off, since Kamailio's interfaces ask
# for what they warn of: callbacks with fixed signatures leave parameters unused, exported
# functions are cast to cmd_function, and export tables end in rows of zeros.
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wformat=2 \
	-Wno-unused-parameter -Wno-cast-function-type -Wno-missing-field-initializers

# The folders of the build are in no debug information: the same sources give
# the same library wherever they are compiled. (The last map that fits counts.)
PREFIX_MAP := -ffile-prefix-map=$(CURDIR)=. -ffile-prefix-map=$(KAMAILIO_SRC)=kamailio

# Later versions of tm call the From and To of a transaction otherwise than 5.6.
TM_NAMES := $(if $(shell grep -s 'str from_hdr;' $(KAMAILIO_SRC)/src/modules/tm/h_table.h),-DIMC_TM_HDR_NAMES)

COMPILE = $(CC) -O2 -g -fPIC -pthread -fno-strict-aliasing -fstack-protector-strong \
	-fvisibility=hidden $(WARNINGS) $(CC_PMUTEX_OPTS) $(C_DEFS) -DMOD_NAME='"imc"' -DMOD_NAMEID='imc' \
	-DIMC_VERSION='"$(IMC_VERSION)"' $(TM_NAMES) $(CPPFLAGS) $(CFLAGS)
PATHS = $(PREFIX_MAP) -isystem $(KAMAILIO_SRC)/src

# The library for Go is opened with dlopen after fork, never linked.
LINK = $(CC) -shared -pthread -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)

.DEFAULT_GOAL := $(OUT)
.PHONY: headers FORCE

$(OUT): $(OBJECTS)
	@mkdir -p $(@D)
	@echo "linking $@"
	@$(LINK) -o $@ $^ -ldl

$(OBJ)/%.o: kamailio-shim/%.c $(OBJ)/command
	@echo "compiling $<"
	@$(COMPILE) $(PATHS) -MMD -MP -c -o $@ $<

# A header says all that it needs: it compiles by itself.
headers: $(HEADERS:kamailio-shim/%=$(OBJ)/%.o)
	@:

$(OBJ)/%.h.o: kamailio-shim/%.h $(OBJ)/command
	@$(COMPILE) $(PATHS) -MMD -MP -x c -c -o $@ $<

# What was compiled with another command, or against another Kamailio, is
# compiled again.
$(OBJ)/command: FORCE
	$(shell mkdir -p $(OBJ))$(file >$@.new,$(COMPILE) $(PATHS))
	@cmp -s $@ $@.new && rm $@.new || mv $@.new $@

-include $(OBJECTS:.o=.d) $(HEADERS:kamailio-shim/%=$(OBJ)/%.d)
