# SPDX-License-Identifier: MIT
# doc: what is written for readers

dist_doc_DATA = \
  doc/ARCHITECTURE.md \
  doc/protocol.md
