#!/bin/sh
# So many lines of about a hundred bytes, 300,000 unless told, then silence.
# SPDX-License-Identifier: Apache-2.0
seq -f 'line %.0f of a backlog that somebody reads later, about a hundred bytes long as real ones are' "${1:-300000}"
exec sleep infinity
