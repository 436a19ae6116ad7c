# SPDX-License-Identifier: Apache-2.0
#
# The cases of conformance.json, by Debian's python3-grpcio. conformance.test.js does the same; its head
# says where they run.

import json
import os
import re
import shutil
import sys
import tempfile
import time
from concurrent import futures

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import grpc  # noqa: E402
from lib import HERE, Api, plain  # noqa: E402

LIMIT = 30
UNTIL_LIMIT = 20
CALLER = os.environ.get('CONFORMANCE_CALLER', 'user:0')


def credentials():
    directory = os.environ.get('CONFORMANCE_TLS')
    if not directory:
        return None
    pem = {}
    for name in ('ca', 'key', 'cert'):
        with open(os.path.join(directory, name + '.pem'), 'rb') as file:
            pem[name] = file.read()
    return grpc.ssl_channel_credentials(pem['ca'], pem['key'], pem['cert'])


# --- what stands in the table --------------------------------------------------------------------------

def expand(value, variables):
    """A text or a list as the table describes it, with the variables in it."""
    if isinstance(value, str):
        return re.sub(r'\$\{(\w+)\}', lambda match: variables[match[1]], value)
    if isinstance(value, list):
        return [expand(item, variables) for item in value]
    if not isinstance(value, dict):
        return value
    if '$repeat' in value:
        return value['$repeat'][0] * value['$repeat'][1]
    if '$list' in value:
        return [expand(value['$list'][0], variables)] * value['$list'][1]
    if '$keys' in value:
        return {f'{value["$keys"][0]}{i}': '' for i in range(value['$keys'][1])}
    return {key: expand(item, variables) for key, item in value.items()}


RULES = {
    '$match': lambda pattern, value: isinstance(value, str) and re.search(pattern, value),
    '$count': lambda n, value: len(value) == n,
    '$not': lambda other, value: value != other,
    '$set': lambda _, value: bool(value),
    '$has': lambda items, value: all(any(matches(item, one) for one in value) for item in items),
}


def matches(pattern, value):
    if isinstance(pattern, list):
        return (isinstance(value, list) and len(value) == len(pattern) and
                all(matches(*pair) for pair in zip(pattern, value)))
    if not isinstance(pattern, dict):
        return type(pattern) is type(value) and pattern == value
    for key, item in pattern.items():
        if key in RULES:
            if not RULES[key](item, value):
                return False
        elif not isinstance(value, dict) or key not in value or not matches(item, value[key]):
            return False
    return True


def check(condition, *words):
    if not condition:
        raise AssertionError(' '.join(str(word)[:1000] for word in words))


def check_reply(pattern, value):
    check(matches(pattern, value), value, 'is not as', pattern)


def check_error(api, pattern, error):
    check(error is not None, 'no error, but', pattern, 'is expected')
    found = api.error(error)
    bad_request, quota, retry = (found.get(name) for name in ('BadRequest', 'QuotaFailure', 'RetryInfo'))
    seen = {
        'code': found['code'],
        'reason': found.get('ErrorInfo', {}).get('reason'),
        'field': bad_request['field_violations'][0]['field'] if bad_request else None,
        'resource': found.get('ResourceInfo', {}).get('resource_name'),
        'quota': quota['violations'][0]['subject'] if quota else None,
        'retry': retry['retry_delay']['seconds'] > 0 if retry else None,
    }
    for key, value in seen.items():
        check(matches(pattern.get(key), value), key, 'is', value, 'and not', pattern.get(key), found['message'])
    check(re.search(pattern.get('message', '.'), found['message']), found['message'])
    if 'reason' not in pattern:
        check(found['status'] is None, found)
        return
    check(found['ErrorInfo']['domain'] == 'indexerd', found)
    check(found['ErrorInfo']['metadata'].get('field') == seen['field'], found)
    check((quota is not None) == (seen['code'] == 'RESOURCE_EXHAUSTED'), found)
    check(found['status']['code'] == error.code().value[0], found)
    check(found['status']['message'] == found['message'], found)


# --- calls -----------------------------------------------------------------------------------------------

def unmeasured(reply):
    """What the replies to several clients have in common."""
    if not isinstance(reply, dict) or not isinstance(reply.get('status'), dict):
        return reply
    return {**reply, 'status': {**reply['status'], 'memory_bytes': 0, 'cpu_usage': None}}


def read(call, part):
    """A stream's next replies, as many as a part of the step expects of those that it does not pass over."""
    wanted = len(part['replies'])
    while wanted:
        message = next(call, None)
        if message is None:
            return
        reply = plain(message)
        if matches(part.get('only', {}), reply):
            wanted -= 1
            yield reply


class Case:
    def __init__(self, api, name, steps, directory):
        self.api = api
        self.name = name
        self.steps = steps
        self.variables = {'project': directory, 'caller': CALLER}
        self.created = []
        self.held = []
        self.channel = api.channel()

    def options(self, step):
        options = {'timeout': step.get('deadline', LIMIT * 1000) / 1000}
        if 'metadata' in step:
            options['metadata'] = tuple(step['metadata'].items())
        if 'compression' in step:
            options['compression'] = getattr(grpc.Compression, step['compression'].capitalize())
        return options

    def start(self, channel, step):
        if 'path' not in step:
            return self.api.open(channel, step['call'], step.get('requests') or [step['request']],
                                 bytes.fromhex(step.get('append', '')), **self.options(step))
        make = channel.stream_unary(step['path'], request_serializer=None, response_deserializer=None)
        return make.future(iter([bytes.fromhex(message) for message in step['messages']]), **self.options(step))

    def unary(self, channel, step):
        """(the reply, the error): one of them is None."""
        call = self.start(channel, step)
        if 'cancel' in step:
            time.sleep(step['cancel'] / 1000)
            call.cancel()
        try:
            return plain(call.result()), None
        except grpc.FutureCancelledError:
            return None, call
        except grpc.RpcError as error:
            return None, error

    def stream(self, step):
        call = self.start(self.channel, step)
        part = step
        check_reply(part['replies'], list(read(call, part)))
        for then in step.get('then', ()):
            if 'call' in then or 'path' in then:
                self.run(then)
            else:
                part = expand(then, self.variables)
                check_reply(part['replies'], list(read(call, part)))
        only = part.get('only', {})
        if 'hold' in step:
            self.held.append(call)
        else:
            self.finish(call, only, step)

    def finish(self, call, only, step):
        """Sees to it that the stream ends as told, without any more of such replies unless it is cancelled."""
        more, error = [], None
        if 'cancel' in step:
            call.cancel()
        try:
            for reply in map(plain, call):
                if matches(only, reply):
                    more.append(reply)
        except grpc.RpcError as caught:
            error = caught
        check('cancel' in step or not more, 'more replies:', more)
        self.check_end(step, error)

    def check_end(self, step, error):
        if 'cancel' in step:
            check(error is not None and error.code() == grpc.StatusCode.CANCELLED, 'not cancelled:', error)
        elif 'error' in step:
            check_error(self.api, step['error'], error)
        elif error:
            raise error

    def once(self, step):
        if 'replies' in step:
            self.stream(step)
            return
        if 'clients' in step:
            channels = [self.api.channel() for _ in range(step['clients'])]
            with futures.ThreadPoolExecutor(step['clients']) as pool:
                answers = list(pool.map(lambda channel: self.unary(channel, step), channels))
            for channel in channels:
                channel.close()
        else:
            answers = [self.unary(self.channel, step)]
        for reply, error in answers:
            self.check_end(step, error)
            if error is None:
                check_reply(step.get('reply', {}), reply)
            check(unmeasured(reply) == unmeasured(answers[0][0]), 'the answers are not equal')
        for name, where in step.get('save', {}).items():
            value = answers[0][0]
            for word in where.split('.'):
                value = value[word]
            self.variables[name] = value

    def run_once(self, written):
        step = expand({key: value for key, value in written.items() if key != 'then'}, self.variables)
        step['then'] = written.get('then', [])  # expanded at its time
        if step.get('call') == 'CreateIndexer':
            self.created.append(step['request'].get('indexer_id'))
        end = time.monotonic() + (UNTIL_LIMIT if 'until' in step else 0)
        while True:
            try:
                return self.once(step)
            except (AssertionError, grpc.RpcError) as error:
                if time.monotonic() >= end:
                    raise AssertionError(f'{error}\nin the step {json.dumps(written)[:1000]}') from error
            time.sleep(0.05)

    def run(self, step):
        for n in range(1, step.get('times', 1) + 1):
            self.variables['n'] = str(n)
            self.run_once(step)

    def release(self):
        for call in self.held:
            self.finish(call, {}, {'cancel': True})

    def tidy(self):
        for name in {f'indexers/{indexer_id}' for indexer_id in self.created if indexer_id}:
            try:
                self.api.call('DeleteIndexer', {'name': name, 'allow_missing': True}, self.channel)
            except grpc.RpcError as error:
                check(error.code() == grpc.StatusCode.INVALID_ARGUMENT, error)
        self.channel.close()

    def test(self):
        """None, or what is wrong."""
        wrong = None
        for action in (lambda: [self.run(step) for step in self.steps], self.release, self.tidy):
            try:
                action()
            except (AssertionError, grpc.RpcError) as error:
                wrong = wrong or str(error)
        return wrong


def write_project(files):
    directory = tempfile.mkdtemp(prefix='conformance-', dir='/srv')
    os.chmod(directory, 0o755)
    for name, content in files.items():
        path = os.path.join(directory, name)
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(content)
        os.chmod(path, 0o755 if content.startswith('#!') else 0o644)
    return directory


def main():
    with open(os.path.join(HERE, 'conformance.json'), encoding='utf-8') as file:
        table = json.load(file)
    api = Api(os.environ.get('CONFORMANCE_ADDRESS', 'unix:/run/indexerd/indexerd.sock'), credentials())
    directory = write_project(table['project'])
    failed = 0
    print(f'1..{len(table["cases"])}')
    for number, case in enumerate(table['cases'], 1):
        wrong = Case(api, case['name'], case['steps'], directory).test()
        failed += wrong is not None
        for line in (wrong or '').splitlines():
            print('#', line)
        print(f'{"not ok" if wrong is not None else "ok"} {number} - {case["name"]}', flush=True)
    shutil.rmtree(directory)
    return 1 if failed else 0


sys.exit(main())
