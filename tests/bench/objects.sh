#!/bin/sh
# So many lines as pino writes them, 300,000 unless told, then silence.
# SPDX-License-Identifier: Apache-2.0
seq -f '{"level":30,"time":1732016145123,"pid":4711,"hostname":"server","msg":"block %.0f is accepted"}' "${1:-300000}"
exec sleep infinity
