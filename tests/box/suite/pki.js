// SPDX-License-Identifier: Apache-2.0
//
// Certificates for tests of TCP, made by openssl in a directory that the daemon may read.
//
//	authority('ca');
//	certificate('server', SERVER);   // by 'ca', unless told otherwise
//	certificate('jane', { subject: '/O=Example/CN=Jane Doe' });
//	pem('jane'), key('jane'), read('jane.pem')
'use strict';

const fs = require('node:fs');
const { run } = require('./lib');

const PKI = '/etc/indexerd/pki';
const SERVER = { usage: 'serverAuth', san: 'DNS:localhost,IP:127.0.0.1' };

fs.mkdirSync(PKI, { recursive: true });
const pem = (name) => `${PKI}/${name}.pem`;
const key = (name) => `${PKI}/${name}.key`;
const read = (file) => fs.readFileSync(`${PKI}/${file}`);

const NEW_KEY = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';

function authority(name) {
	run(`openssl req -x509 ${NEW_KEY} -days 30 -subj /CN=${name} -keyout ${key(name)} -out ${pem(name)}`);
}

function certificate(name, { ca = 'ca', subject = `/CN=${name}`, san = '', usage = 'clientAuth' } = {}) {
	const [request, extensions] = [`${PKI}/${name}.csr`, `${PKI}/${name}.ext`];
	fs.writeFileSync(extensions, `extendedKeyUsage=${usage}\n${san ? `subjectAltName=${san}\n` : ''}`);
	run(`openssl req ${NEW_KEY} -subj '${subject}' -keyout ${key(name)} -out ${request}`);
	run(`openssl x509 -req -in ${request} -CA ${pem(ca)} -CAkey ${key(ca)} -CAcreateserial -days 30 ` +
		`-extfile ${extensions} -out ${pem(name)}`);
}

module.exports = { PKI, SERVER, authority, certificate, key, pem, read };
