#!/bin/sh
# 300,000 lines of about a hundred bytes, then silence.
# SPDX-License-Identifier: Apache-2.0
seq -f 'line %.0f of a backlog that somebody reads later, about a hundred bytes long as real ones are' 300000
exec sleep infinity
