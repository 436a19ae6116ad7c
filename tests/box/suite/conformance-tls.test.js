// SPDX-License-Identifier: Apache-2.0
//
// The cases of conformance.json, by @grpc/grpc-js, over TCP with a client's certificate.
'use strict';

Object.assign(process.env, require('./serve-tls'));
require('./conformance.test');
