// SPDX-License-Identifier: Apache-2.0
//
// The installed daemon answers a client that knows nothing of it but gRPC.
'use strict';

const { assert, call, health, refused, run, services, test } = require('./lib');

test('the package has started the daemon and both sockets', () => {
	run('systemctl is-active indexerd.service indexerd.socket indexerd-unit.socket');
	assert.equal(run('systemctl is-system-running'), 'running');
});

test('health: the server and the service are SERVING, another is NOT_FOUND', async () => {
	assert.equal(await health(), 'SERVING');
	assert.equal(await health('indexerd.v1.IndexerRunner'), 'SERVING');
	await refused(health('no.such.Service'), 'NOT_FOUND');
});

for (const version of ['v1', 'v1alpha'])
	test(`reflection ${version} names the service`, async () => {
		assert.ok((await services(version)).includes('indexerd.v1.IndexerRunner'));
	});

test('there is no indexer yet', async () => {
	assert.deepEqual((await call('ListIndexers', {})).indexers, []);
});

test('the sockets are for their groups only', () => {
	assert.equal(run("stat -c '%U:%G %a' /run/indexerd/indexerd.sock"), 'root:indexerd 660');
	assert.equal(run("stat -c '%U:%G %a' /run/indexerd/unit.sock"), 'root:indexerd-unit 660');
});
