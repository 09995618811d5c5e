# SPDX-License-Identifier: MIT
"""Wire protocol v1 in Python, from its public page alone: a client, a server, and the frames they share."""
