#!/bin/sh
# 300,000 lines of about a hundred bytes, each hundredth of which is an error, then silence.
# SPDX-License-Identifier: Apache-2.0
seq -f 'line %.0f of a backlog that somebody reads later, about a hundred bytes long as real ones are' 300000 |
	sed '0~100s/^/<3>/'
exec sleep infinity
