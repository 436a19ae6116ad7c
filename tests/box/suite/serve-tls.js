// SPDX-License-Identifier: Apache-2.0
//
// Has the daemon of this host serve TCP, for one client with a certificate; there is no way back, the
// host is the test's own. What conformance.test.{js,py} have to know for that: exported, or as JSON on
// stdout where this is run as a program.
'use strict';

const fs = require('node:fs');
const { run } = require('./lib');
const { PKI, SERVER, authority, certificate, key, pem } = require('./pki');

const CLIENT = 'conformance';
const DROP_IN = '/etc/indexerd/indexerd.conf.d/90-tls.conf';
const DIRECTORY = `${PKI}/client`;

authority('ca');
certificate('server', SERVER);
certificate(CLIENT);
fs.mkdirSync(DIRECTORY);
fs.copyFileSync(pem('ca'), `${DIRECTORY}/ca.pem`);
fs.copyFileSync(pem(CLIENT), `${DIRECTORY}/cert.pem`);
fs.copyFileSync(key(CLIENT), `${DIRECTORY}/key.pem`);

fs.mkdirSync(DROP_IN.replace(/\/[^/]*$/, ''), { recursive: true });
fs.writeFileSync(DROP_IN, `[Listen]
Certificate=${pem('server')}
Key=${key('server')}
ClientCA=${pem('ca')}
AllowedSubjects=${CLIENT}
`);
run('systemctl enable -q indexerd-tls.socket && systemctl restart indexerd.service');

module.exports = {
	CONFORMANCE_ADDRESS: 'localhost:7175',
	CONFORMANCE_TLS: DIRECTORY,
	CONFORMANCE_CALLER: `subject:${CLIENT}`,
};
if (require.main === module)
	console.log(JSON.stringify(module.exports));
