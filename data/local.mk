# SPDX-License-Identifier: MIT
# data: unit, sysusers, tmpfiles, sample configuration

data_made = \
  data/adit-server.service

$(data_made): %: %.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) -e 's|[@]sbindir[@]|$(sbindir)|g' $< > $@.tmp && mv $@.tmp $@

systemdsystemunit_DATA = data/adit-server.service

# Installed as sysusers.d/adit.conf and tmpfiles.d/adit.conf, so each has a folder of its own.
dist_sysusers_DATA = data/sysusers/adit.conf
dist_tmpfiles_DATA = data/tmpfiles/adit.conf

# Samples to copy to /etc/adit and ~/.config/adit.
examplesdir = $(docdir)/examples
dist_examples_DATA = \
  data/client.cfg \
  data/server.cfg

CLEANFILES += $(data_made)
EXTRA_DIST += \
  data/adit-server.service.in
