#!/usr/bin/env python3
"""Starts the emulator, ministack, with the gaps mended that Groundwork's template meets.

Each mend is a function that says what AWS does and where the emulator does otherwise. They reach into its insides, so
one version is taken and any other refused: look at each gap again before raising it.
"""

import base64
import contextvars
import json
import socketserver
import string
import sys
import threading
import uuid
from importlib.metadata import PackageNotFoundError, version

MINISTACK = "1.5.33"


def require_version():
    try:
        found = version("ministack")
    except PackageNotFoundError:
        sys.exit(f"emulator.py: ministack is not installed here; localstack/deploy.sh installs {MINISTACK}")
    if found != MINISTACK:
        sys.exit(f"emulator.py: this is ministack {found}, and its gaps are known for {MINISTACK} alone")


require_version()

import ministack.app as app  # noqa: E402  (only the known version has these insides)
from ministack.core import iam_actions  # noqa: E402
from ministack.core import lambda_runtime  # noqa: E402
from samtranslator.translator import transform as sam  # noqa: E402
from ministack.services import apigateway_v1 as gateway  # noqa: E402
from ministack.services import lambda_svc  # noqa: E402
from ministack.services import secretsmanager  # noqa: E402
from ministack.services.cloudformation import changesets, engine, handlers, provisioners  # noqa: E402

# What a method's integration says beside its kind and target.
INTEGRATION_FIELDS = ("requestTemplates", "requestParameters", "contentHandling", "timeoutInMillis", "credentials")


def slashes(text):
    """A JSON Pointer's slashes, as a media type or a path writes them."""
    return text.replace("~1", "/")


def any_methods_and_whole_integrations():
    """An OpenAPI body's `x-amazon-apigateway-any-method` is a method, and an integration is imported whole. The
    emulator knows no such method and keeps three fields of an integration."""
    import_operation = gateway._import_operation
    gateway._OPENAPI_HTTP_METHODS.add("x-amazon-apigateway-any-method")

    def mended(api_id, resource_id, method, operation, *security):
        method = "ANY" if method == "X-AMAZON-APIGATEWAY-ANY-METHOD" else method
        import_operation(api_id, resource_id, method, operation, *security)
        said = (operation or {}).get("x-amazon-apigateway-integration") or {}
        if not said:
            return
        stored = gateway._resources[api_id][resource_id]["resourceMethods"][method]["methodIntegration"]
        stored.update({name: said[name] for name in INTEGRATION_FIELDS if name in said})
        if "passthroughBehavior" in said:
            stored["passthroughBehavior"] = said["passthroughBehavior"].upper()
        for pattern, answer in (said.get("responses") or {}).items():
            answer = {**answer, "selectionPattern": "" if pattern == "default" else pattern}
            gateway._put_integration_response(api_id, resource_id, method, str(answer["statusCode"]), answer)

    gateway._import_operation = mended


def take_extensions(api_id, spec):
    """Binary media types and gateway responses of an OpenAPI body."""
    api = gateway._rest_apis[api_id]
    types = spec.get("x-amazon-apigateway-binary-media-types") or api["binaryMediaTypes"] or []
    api["binaryMediaTypes"] = [slashes(each) for each in types]
    for kind, said in (spec.get("x-amazon-apigateway-gateway-responses") or {}).items():
        status, _, body = gateway._put_gateway_response(api_id, kind, said)
        assert status < 400, body


def extensions_of_a_body():
    """An OpenAPI body's extensions count. The emulator reads its paths only."""
    import_api = gateway._import_rest_api

    def mended(spec, base_data=None):
        api_id = import_api(spec, base_data)
        take_extensions(api_id, spec)
        return api_id

    gateway._import_rest_api = mended


def a_changed_body_changes_the_api():
    """A body that changes is imported into the API that there is. The emulator makes another API, at another URL."""
    update = provisioners._apigw_rest_api_update

    def mended(physical_id, old, new, stack, logical_id=None):
        spec = new.get("Body")
        if isinstance(spec, dict) and spec != old.get("Body"):
            resources = gateway._resources[physical_id]
            root = next(each for each in resources.values() if each["path"] == "/")
            root["resourceMethods"] = {}
            resources.clear()
            resources[root["id"]] = root
            gateway._gateway_responses[physical_id] = {}
            for path, item in (spec.get("paths") or {}).items():
                gateway._import_path_item(physical_id, path, item, {}, spec.get("security"))
            take_extensions(physical_id, spec)
            old = {**old, "Body": spec}
        return update(physical_id, old, new, stack, logical_id)

    provisioners._apigw_rest_api_update = mended
    provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::RestApi"]["update"] = mended


def a_transform_knows_the_parameters():
    """SAM's transform is told the values of the parameters. The emulator tells it none, so that it sees the defaults:
    no `Release` would ever publish another version."""
    apply, transform = engine._apply_transforms, sam.transform
    known = contextvars.ContextVar("parameters", default={})

    def mended_apply(template, provided=None, previous=None):
        known.set(engine._transform_parameters(template, provided, previous))
        return apply(template, provided, previous)

    def mended_transform(template, values, *rest):
        return transform(template, {**known.get(), **values}, *rest)

    for module in (engine, changesets, handlers):
        module._apply_transforms = mended_apply
    sam.transform = mended_transform


def throttles_of_a_route():
    """Method settings name a path as `/~1api~1v1`. The emulator keeps that text, which no route has."""
    method_settings = provisioners._apigw_method_settings

    def plain(setting):
        path = setting.get("ResourcePath", "/*") if isinstance(setting, dict) else None
        return setting if path is None else {**setting, "ResourcePath": slashes(path).replace("//", "/", 1)}

    def mended(raw):
        return method_settings([plain(each) for each in raw] if isinstance(raw, list) else raw)

    provisioners._apigw_method_settings = mended


def context_in_the_gateway_s_own_answers():
    """`$context.path` and `$context.requestId` are filled in, in gateway responses and mocks and in a mock's headers.
    The emulator knows no path there and renders nothing in a mock."""
    request_now = contextvars.ContextVar("request")
    execute, mock, error = gateway._execute_in_scope, gateway._invoke_mock_v1, gateway._gateway_error_response

    def filled(body, request):
        text = body.decode().replace("$context.path", request.get("path", ""))
        return text.replace("$context.requestId", request["request_id"]).encode()

    async def mended_execute(request, api_id, stage, method, path, *rest):
        request["path"] = f"/{stage}{path}"
        request_now.set(request)
        return await execute(request, api_id, stage, method, path, *rest)

    def mended_mock(integration):
        status, headers, body = mock(integration)
        request = request_now.get()
        said = {name: request["request_id"] if value == "context.requestId" else value for name, value in headers.items()}
        return status, said, filled(body, request)

    def mended_error(kind, request):
        status, headers, body = error(kind, request)
        return status, headers, filled(body, request)

    gateway._execute_in_scope = mended_execute
    gateway._invoke_mock_v1 = mended_mock
    gateway._gateway_error_response = mended_error


def failures_are_gateway_responses():
    """A function that cannot start, fails, or takes too long is answered with the gateway response of an integration
    that failed. The emulator answers 502 with the error's text."""
    failed = contextvars.ContextVar("failed", default=False)
    invoke, shape = gateway._invoke_lambda_proxy_v1, gateway._lambda_proxy_response

    def mended_shape(result):
        answer, error = shape(result)
        failed.set(error is not None)
        return answer, error

    async def mended_invoke(*args, **kwargs):
        failed.set(False)
        answer = await invoke(*args, **kwargs)
        return gateway._gw_error("INTEGRATION_FAILURE", "Internal server error") if failed.get() else answer

    gateway._lambda_proxy_response = mended_shape
    gateway._invoke_lambda_proxy_v1 = mended_invoke


def secrets_as_declared():
    """A secret that is made without a value has none, and `ExcludePunctuation` leaves it out. The emulator makes an
    empty value, before which nobody can write the first, and ignores the other."""
    create = provisioners._sm_secret_create

    def mended(logical_id, properties, stack):
        generate = properties.get("GenerateSecretString")
        if generate and generate.get("ExcludePunctuation"):
            excluded = generate.get("ExcludeCharacters", "") + string.punctuation
            properties = {**properties, "GenerateSecretString": {**generate, "ExcludeCharacters": excluded}}
        name, attributes = create(logical_id, properties, stack)
        if not properties.get("SecretString") and not generate:
            secretsmanager._secrets[name]["Versions"] = {}
        return name, attributes

    provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]["create"] = mended


def a_version_of_a_secret_is_written_once():
    """`PutSecretValue` under a version that exists is refused when the value differs, and changes nothing when it
    does not. The emulator overwrites it: of two functions that start at once both would make the signing keys."""
    put = secretsmanager._put_secret_value

    def mended(data):
        _, secret = secretsmanager._resolve(data.get("SecretId"))
        token = data.get("ClientRequestToken")
        known = secret and secret["Versions"].get(token)
        if not known:
            return put(data)
        if (known["SecretString"], known["SecretBinary"]) != (data.get("SecretString"), data.get("SecretBinary")):
            reason = "A resource with the ID you requested already exists."
            return secretsmanager.error_response_json("ResourceExistsException", reason, 400)
        answer = {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token, "VersionStages": known["Stages"]}
        return secretsmanager.json_response(answer)

    secretsmanager._put_secret_value = mended


def rotations_call_their_function():
    """`AWS::SecretsManager::RotationSchedule` is a resource, and `RotateSecret` has the secret's function called for each
    of four steps. The emulator knows no such resource, and puts a copy of the value in use. Schedules do not run here:
    a rotation begins when somebody asks."""

    def configure(secret, said):
        for name in ("RotationLambdaARN", "RotationRules"):
            secret[name] = said.get(name) or secret.get(name)
        secret["RotationEnabled"] = True

    def schedule(logical_id, properties, stack):
        _, secret = secretsmanager._resolve(properties["SecretId"])
        # A parameter's number arrives as text.
        days = int(properties["RotationRules"]["AutomaticallyAfterDays"])
        configure(secret, {**properties, "RotationRules": {"AutomaticallyAfterDays": days}})
        return secret["ARN"], {}

    def reschedule(physical_id, old, new, stack, logical_id=None):
        return schedule(logical_id, new, stack)

    def cancel(physical_id, properties):
        _, secret = secretsmanager._resolve(physical_id)
        if secret:
            secret["RotationEnabled"] = False

    def run(secret, function, token):
        for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
            event = {"SecretId": secret["ARN"], "ClientRequestToken": token, "Step": step}
            if lambda_svc._execute_function(function, event).get("error"):
                return

    def rotate(data):
        _, secret = secretsmanager._resolve(data.get("SecretId"))
        configure(secret, data)
        token = data.get("ClientRequestToken") or str(uuid.uuid4())
        if data.get("RotateImmediately", True):
            named = lambda_svc._resolve_name_and_qualifier(secret["RotationLambdaARN"])
            function, _ = lambda_svc._get_func_record_for_qualifier(*named)
            context = contextvars.copy_context()
            threading.Thread(target=context.run, args=(run, secret, function, token), daemon=True).start()
        return secretsmanager.json_response({"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token})

    secretsmanager._rotate_secret = rotate
    provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::RotationSchedule"] = {
        "create": schedule, "update": reschedule, "delete": cancel,
    }


def mail_is_allowed_by_its_sender():
    """`ses:SendEmail` is asked for on the identity that sends. The emulator asks for it on everything."""
    resource_arn = iam_actions._ses_v2_resource_arn

    def mended(method, path, body, region, account):
        if not path.rstrip("/").endswith("/outbound-emails"):
            return resource_arn(method, path, body, region, account)
        sender = json.loads(body or b"{}").get("FromEmailAddress", "")
        return f"arn:aws:ses:{region}:{account}:identity/{sender.rsplit('@', 1)[-1].rstrip('>')}"

    iam_actions._ses_v2_resource_arn = mended


def a_deleted_function_ends():
    """The sandboxes of a deleted function end with it. The emulator leaves them running."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    delete = handlers["delete"]

    def mended(physical_id, properties):
        delete(physical_id, properties)
        lambda_svc.invalidate_worker(physical_id)

    handlers["delete"] = mended


def numbers_of_a_parameter():
    """How many batches and invocations are under way at once is a number, also where a parameter says it. The emulator
    compares its text with numbers, and then polls no queue at all."""
    concurrency, reserved = lambda_svc._sqs_esm_concurrency, lambda_svc._reserved_concurrency

    def mended_reserved(*args):
        number = reserved(*args)
        return None if number is None else int(number)

    def mended(mapping, *rest):
        scaling = mapping.get("ScalingConfig") or {}
        scaling = {name: int(number) for name, number in scaling.items()}
        return concurrency({**mapping, "ScalingConfig": scaling}, *rest)

    lambda_svc._reserved_concurrency = mended_reserved
    lambda_svc._sqs_esm_concurrency = mended


def headers_sent_twice():
    """Both values of a header that was sent twice stand in `multiValueHeaders`. The emulator joins them to one."""
    raw = contextvars.ContextVar("headers", default=())
    asgi, build_event = app.app, gateway._build_lambda_event_v1

    async def mended_asgi(scope, receive, send):
        raw.set(scope.get("headers", ()))
        await asgi(scope, receive, send)

    def mended_event(*args, **kwargs):
        event, values = build_event(*args, **kwargs), {}
        for name, value in raw.get():
            values.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
        event["multiValueHeaders"] = values
        event["headers"] = {name: all_of_it[-1] for name, all_of_it in values.items()}
        return event

    app.app = mended_asgi
    gateway._build_lambda_event_v1 = mended_event


def a_start_that_fails_is_logged():
    """What a function writes before it ends stands in its log. The emulator tells it in its own log alone when the
    function ends in its start."""
    execute = lambda_svc._execute_function_provided_warm

    def mended(*args, **kwargs):
        result = execute(*args, **kwargs)
        if result.get("error") and not result.get("log"):
            result["log"] = str((result.get("body") or {}).get("errorMessage", ""))
        return result

    lambda_svc._execute_function_provided_warm = mended


# What stands between the head of a streamed answer and its body.
HEAD_END = bytes(8)


class StreamedAnswers:
    """The module `json` for who reads what functions answer: it knows the form of those that stream, a head in JSON,
    eight NULs and the body."""

    def __getattr__(self, name):
        return getattr(json, name)

    def loads(self, text, *args, **kwargs):
        if not isinstance(text, bytes) or HEAD_END not in text:
            return json.loads(text, *args, **kwargs)
        head, _, body = text.partition(HEAD_END)
        head = json.loads(head)
        headers = {name: each if isinstance(each, list) else [each] for name, each in (head.get("headers") or {}).items()}
        if head.get("cookies"):
            headers["set-cookie"] = head["cookies"]
        return {
            "statusCode": head["statusCode"],
            "multiValueHeaders": headers,
            "body": base64.b64encode(body).decode(),
            "isStreamed": True,
        }


def answers_that_stream():
    """A method with `responseTransferMode: STREAM` passes on what its function streams, byte by byte. The emulator knows
    neither its URI nor such answers."""
    reference, shape = gateway._extract_lambda_ref_from_integration_uri, gateway._lambda_proxy_response
    lambda_runtime.json = StreamedAnswers()

    def named(uri):
        return reference((uri or "").replace("/response-streaming-invocations", "/invocations"))

    def shaped(result):
        answer, error = shape(result)
        if isinstance(answer, dict) and answer.pop("isStreamed", False):
            answer["body"] = base64.b64decode(answer["body"])
        return answer, error

    gateway._extract_lambda_ref_from_integration_uri = named
    gateway._lambda_proxy_response = shaped


def no_pause_in_the_runtime_api():
    """The Runtime API answers at once. The emulator sends an event's head and body apart, and Nagle's algorithm then
    waits 40 ms for an acknowledgement in every invocation."""
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True


MENDS = (
    any_methods_and_whole_integrations,
    extensions_of_a_body,
    a_changed_body_changes_the_api,
    a_transform_knows_the_parameters,
    throttles_of_a_route,
    context_in_the_gateway_s_own_answers,
    failures_are_gateway_responses,
    secrets_as_declared,
    a_version_of_a_secret_is_written_once,
    rotations_call_their_function,
    mail_is_allowed_by_its_sender,
    a_deleted_function_ends,
    numbers_of_a_parameter,
    headers_sent_twice,
    a_start_that_fails_is_logged,
    answers_that_stream,
    no_pause_in_the_runtime_api,
)

if __name__ == "__main__":
    for mend in MENDS:
        mend()
    app.main()
