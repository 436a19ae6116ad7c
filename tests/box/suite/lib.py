# SPDX-License-Identifier: Apache-2.0
#
# A client of any gRPC service in Python, by Debian's python3-grpcio and python3-protobuf, with nothing
# generated: it knows the messages of messages.json, and asks the server itself, by reflection, for
# those of the API.
#
#	api = Api('unix:/run/indexerd/indexerd.sock')
#	api.call('GetIndexer', {'name': 'indexers/a'})['status']['state']
#
# A message is a dict: field names are those of the .proto, enums are names, 64-bit numbers are
# numbers, a message that is not set is None. A call that fails raises grpc.RpcError.

import json
import os

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

RUNNER = '/indexerd.v1.IndexerRunner/'
REFLECTION = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'
HERE = os.path.dirname(os.path.realpath(__file__))

Field = descriptor_pb2.FieldDescriptorProto


# --- the messages of messages.json -------------------------------------------------------------------

def add_field(message, name, form):
    """One field, in the form that protobufjs has for it."""
    field = message.field.add(name=name, number=form['id'], label=Field.LABEL_OPTIONAL)
    if 'keyType' in form:
        entry = message.nested_type.add(name=name.capitalize() + 'Entry')
        entry.options.map_entry = True
        add_field(entry, 'key', {'id': 1, 'type': form['keyType']})
        add_field(entry, 'value', {'id': 2, 'type': form['type']})
        field.type_name = entry.name
    elif 'TYPE_' + form['type'].upper() in Field.Type.keys():
        field.type = Field.Type.Value('TYPE_' + form['type'].upper())
    else:
        field.type_name = form['type']
    if 'keyType' in form or form.get('rule') == 'repeated':
        field.label = Field.LABEL_REPEATED


def add_message(file, name, form):
    message = file.message_type.add(name=name)
    for field, value in form['fields'].items():
        add_field(message, field, value)
    for index, (oneof, members) in enumerate(form.get('oneofs', {}).items()):
        message.oneof_decl.add(name=oneof)
        for field in message.field:
            if field.name in members['oneof']:
                field.oneof_index = index


def add_service(file, name, form):
    service = file.service.add(name=name)
    for rpc, value in form['methods'].items():
        service.method.add(name=rpc, input_type=value['requestType'], output_type=value['responseType'],
                           client_streaming=value.get('requestStream', False),
                           server_streaming=value.get('responseStream', False))


def add_package(pool, package, nested):
    file = descriptor_pb2.FileDescriptorProto(name=package + '.json', package=package, syntax='proto3')
    for name, form in nested.items():
        if 'fields' in form:
            add_message(file, name, form)
        elif 'methods' in form:
            add_service(file, name, form)
        elif 'values' in form:
            values = [{'name': key, 'number': number} for key, number in form['values'].items()]
            file.enum_type.add(name=name, value=[descriptor_pb2.EnumValueDescriptorProto(**v) for v in values])
        else:
            add_package(pool, f'{package}.{name}'.lstrip('.'), form['nested'])
    if file.message_type:
        pool.Add(file)


def known_messages():
    with open(os.path.join(HERE, 'messages.json'), encoding='utf-8') as file:
        messages = json.load(file)
    reflection = messages['nested']['grpc']['nested']['reflection']['nested']
    reflection['v1alpha'] = reflection['v1']  # they differ in name only
    pool = descriptor_pool.DescriptorPool()
    add_package(pool, '', messages['nested'])
    return pool


# --- messages and dicts --------------------------------------------------------------------------------

def is_map(field):
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def to_scalar(field, value):
    if field.enum_type and isinstance(value, str):
        return field.enum_type.values_by_name[value].number
    return value


def fill(message, values):
    """Sets a message's fields from a dict."""
    for key, value in values.items():
        field = message.DESCRIPTOR.fields_by_name[key]
        target = getattr(message, key)
        if value is None:
            continue
        if is_map(field):
            target.update(value)
        elif field.label == field.LABEL_REPEATED and field.message_type:
            for item in value:
                fill(target.add(), item)
        elif field.label == field.LABEL_REPEATED:
            target.extend(to_scalar(field, item) for item in value)
        elif field.message_type:
            target.SetInParent()
            fill(target, value)
        else:
            setattr(message, key, to_scalar(field, value))
    return message


def from_scalar(field, value):
    if field.message_type:
        return plain(value)
    if field.enum_type:
        named = field.enum_type.values_by_number.get(value)
        return named.name if named else value
    return value


def plain(message):
    """A message as a dict."""
    result = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if is_map(field):
            result[field.name] = dict(value)
        elif field.label == field.LABEL_REPEATED:
            result[field.name] = [from_scalar(field, item) for item in value]
        elif field.message_type or field.containing_oneof:
            if message.HasField(field.name):
                result[field.name] = from_scalar(field, value)
            elif field.message_type:
                result[field.name] = None
        else:
            result[field.name] = from_scalar(field, value)
    return result


# --- the client ------------------------------------------------------------------------------------------

class Api:
    """The services behind one address; `credentials` of grpc.ssl_channel_credentials, or None."""

    def __init__(self, address, credentials=None):
        self.address = address
        self.credentials = credentials
        self.known = known_messages()
        self.pool = self.known
        self.pool = self.reflect('indexerd.v1.IndexerRunner')

    def channel(self):
        """A connection of its own."""
        options = [('grpc.max_send_message_length', -1), ('grpc.use_local_subchannel_pool', 1)]
        if self.credentials:
            return grpc.secure_channel(self.address, self.credentials, options)
        return grpc.insecure_channel(self.address, options)

    def reflect(self, symbol):
        """A pool of all that the symbol's file needs."""
        pool = descriptor_pool.DescriptorPool()
        with self.channel() as channel:
            answers = self.open(channel, REFLECTION, [{'file_containing_symbol': symbol}], timeout=30)
            for answer in answers:
                # The file itself comes first, what it imports after it.
                for data in reversed(plain(answer)['file_descriptor_response']['file_descriptor_proto']):
                    pool.AddSerializedFile(data)
        return pool

    def method(self, name):
        """The descriptor of a method of the IndexerRunner, or of /SERVICE/METHOD, and its path."""
        path = name if name.startswith('/') else RUNNER + name
        service, rpc = path[1:].split('/')
        pool = self.known if service.startswith('grpc.') else self.pool
        return pool.FindServiceByName(service).methods_by_name[rpc], path

    def message(self, descriptor, values):
        return fill(message_factory.MessageFactory(descriptor.file.pool).GetPrototype(descriptor)(), values)

    def is_stream(self, name):
        """(the client's side, the server's side)"""
        proto = descriptor_pb2.MethodDescriptorProto()
        self.method(name)[0].CopyToProto(proto)
        return proto.client_streaming, proto.server_streaming

    def open(self, channel, name, requests, append=b'', **options):
        """Starts a call with dicts: an iterator of messages, or a future of one."""
        method, path = self.method(name)
        client, server = self.is_stream(name)
        kind = ('stream' if client else 'unary') + '_' + ('stream' if server else 'unary')
        reply = message_factory.MessageFactory(method.output_type.file.pool).GetPrototype(method.output_type)
        make = getattr(channel, kind)(
            path, request_serializer=lambda request: request.SerializeToString() + append,
            response_deserializer=reply.FromString)
        messages = [self.message(method.input_type, request) for request in requests]
        return (make if server else make.future)(iter(messages) if client else messages[0], **options)

    def call(self, name, request, channel=None, **options):
        """One reply to one request, as a dict."""
        own = channel or self.channel()
        try:
            return plain(self.open(own, name, [request], **options).result())
        finally:
            if not channel:
                own.close()

    def error(self, error):
        """What an error has: code, message, whether there are details, and each by its type's name."""
        found = {'code': error.code().name, 'message': error.details(), 'status': None}
        for key, value in error.trailing_metadata() or ():
            if key != 'grpc-status-details-bin':
                continue
            found['status'] = status = self.parse('google.rpc.Status', value)
            for detail in status['details']:
                name = detail['type_url'].rpartition('/')[2]
                found[name.rpartition('.')[2]] = self.parse(name, detail['value'])
        return found

    def parse(self, name, data):
        message = self.message(self.known.FindMessageTypeByName(name), {})
        message.ParseFromString(data)
        return plain(message)
