# SPDX-License-Identifier: MIT
# plugins: one folder each, whose local.mk is included here. None yet.
